"""The HTTP routes for programs: ``POST /predict``, ``GET /model``, ``GET /health``, described in ``/openapi.json``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from encnet.app.answer import Health, ModelDescription, Prediction, Problem
from encnet.app.gate import FORBIDDEN, TOO_MANY_HEADERS, UNAUTHORIZED
from encnet.app.intake import Intake
from encnet.app.limits import BUSY, TOO_LARGE, TOO_LONG, TOO_SLOW
from encnet.app.problems import WRONG
from encnet.app.service import Service
from encnet.app.upload import FORMATS


class PredictOptions(BaseModel):
    """The options of a prediction; others are refused."""

    model_config = ConfigDict(extra="forbid")

    labels: bool = Field(False, description="include the label map")


class NoOptions(BaseModel):
    """The options of routes that have none."""

    model_config = ConfigDict(extra="forbid")


_DESCRIPTIONS = {
    400: "the request does not fit this route",
    UNAUTHORIZED: "the server has a token, and the request has none or another",
    FORBIDDEN: "the request names another host, or comes from the page of another site",
    TOO_SLOW: "the file arrives too slowly",
    TOO_LARGE: "the file or the image is too large",
    WRONG: "the file is not a readable image, or an option is wrong",
    TOO_MANY_HEADERS: "the request has too many headers",
    BUSY: "too many requests are waiting",
    TOO_LONG: "the prediction takes too long",
}
_FILE = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "description": "A JPEG, PNG, WebP, BMP or TIFF file, as the body or as a field of a form.",
    "content": {
        **{f"image/{kind.lower()}": {"schema": _FILE} for kind in FORMATS},
        "application/octet-stream": {"schema": _FILE},
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"image": _FILE}, "required": ["image"]},
        },
    },
}


def add_routes(app: FastAPI, service: Service, intake: Intake, guarded: bool = False) -> None:
    """Adds the routes for programs to an application.

    Args:
        app: the application.
        service: runs the model.
        intake: receives the files.
        guarded: document that requests need a token; :class:`encnet.app.gate.Gate` asks for it.
    """
    token = [Security(HTTPBearer(auto_error=False))] if guarded else []

    @app.post(
        "/predict",
        response_model_exclude_unset=True,
        responses=_problems(*_DESCRIPTIONS),
        openapi_extra={"requestBody": _BODY},
        dependencies=token,
    )
    async def predict(request: Request, options: Annotated[PredictOptions, Query()]) -> Prediction:
        """Segments an image; returns its size, and the share of the pixels and the presence of each class."""
        async with intake.file(request) as content:
            return await service.run(lambda: Prediction.of(service.segment(content), options.labels))

    refused = (FORBIDDEN, WRONG, TOO_MANY_HEADERS)

    @app.get("/model", responses=_problems(UNAUTHORIZED, *refused), dependencies=token)
    async def model(options: Annotated[NoOptions, Query()]) -> ModelDescription:
        """Describes the model: its classes, the engine that runs it, and the limits of a request."""
        return ModelDescription.of(service.predictor.engine, service.limits)

    @app.get("/health", responses=_problems(*refused))
    async def health(options: Annotated[NoOptions, Query()]) -> Health:
        """Says that the server is running; it answers during predictions too, and needs no token."""
        return Health(status="ok")


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of the errors of a route."""
    return {status: {"model": Problem, "description": _DESCRIPTIONS[status]} for status in statuses}
