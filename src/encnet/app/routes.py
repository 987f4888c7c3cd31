"""The HTTP routes for programs: ``POST /predict``, ``GET /model``, ``GET /health``, described in ``/openapi.json``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from encnet.app.answer import Health, ModelDescription, Prediction, Problem
from encnet.app.limits import BUSY, TOO_LARGE, TOO_LONG, Limits, RefusedError
from encnet.app.service import Service
from encnet.system.errors import InputError

WRONG: int = 422  # RFC 9110: unprocessable content

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "the request does not fit this route"},
    TOO_LARGE: {"model": Problem, "description": "the file or the image is too large"},
    WRONG: {"model": Problem, "description": "the file is not a readable image, or an option is wrong"},
    BUSY: {"model": Problem, "description": "too many requests are waiting"},
    TOO_LONG: {"model": Problem, "description": "the prediction takes too long"},
}
_FILE = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "description": "A JPEG, PNG, WebP, BMP or TIFF file, as the body or as a field of a form.",
    "content": {
        "image/*": {"schema": _FILE},
        "multipart/form-data": {"schema": {"type": "object", "properties": {"image": _FILE}}},
    },
}
_FORM_BYTES = 10_000  # that a form may add to the file


def add_routes(app: FastAPI, service: Service) -> None:
    """Adds the routes for programs to an application. Errors are answered as JSON: :class:`Problem`."""

    @app.post("/predict", response_model_exclude_unset=True, responses=_PROBLEMS, openapi_extra={"requestBody": _BODY})
    async def predict(request: Request, labels: bool = False) -> Prediction:
        """Segments an image; returns its size, and the share of the pixels and the presence of each class."""
        content = await image_in(request, service.limits)
        return await service.run(lambda: Prediction.of(service.segment(content), labels))

    @app.get("/model")
    async def model() -> ModelDescription:
        """Describes the model: its classes, the engine that runs it, and the limits of a request."""
        return ModelDescription.of(service.predictor.engine, service.limits)

    @app.get("/health")
    async def health() -> Health:
        """Says that the server is running; it answers during predictions too."""
        return Health(status="ok")

    for path, method in (("/predict", "POST"), ("/model", "GET"), ("/health", "GET")):
        _only(app, path, method)

    @app.exception_handler(InputError)
    async def wrong_input(request: Request, error: InputError) -> JSONResponse:
        status = error.status if isinstance(error, RefusedError) else WRONG
        return _problem(str(error), status, {"Retry-After": "60"} if status in (BUSY, TOO_LONG) else None)

    @app.exception_handler(RequestValidationError)
    async def wrong_option(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return _problem(f"{first['loc'][-1]}: {first['msg']}; see /openapi.json", WRONG)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return _problem(f"{error.detail}; see /openapi.json", error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return _problem("the server failed on this image; see its log", 500)


def _only(app: FastAPI, path: str, method: str) -> None:
    """Answers other methods of a route with an error, because otherwise the page at the root would answer them."""

    @app.api_route(path, methods=[*({"GET", "POST", "PUT", "PATCH", "DELETE"} - {method})], include_in_schema=False)
    async def other_method() -> None:
        raise HTTPException(405, f"{path} accepts {method} only", {"Allow": method})


async def image_in(request: Request, limits: Limits) -> bytes:
    """Returns the image file in a request: its body, or the file in its form. Stops reading at the size limit.

    Raises:
        RefusedError: the file is too large.
        InputError: the form has no file.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await Request(request.scope, _counted(request.receive, limits, 0)).body()
    request = Request(request.scope, _counted(request.receive, limits, _FORM_BYTES))
    async with request.form(max_files=1, max_fields=10) as form:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await value.read()
    raise InputError("the form has no file; send the image as its field `image`, or as the body of the request")


def _counted(receive: Receive, limits: Limits, extra: int) -> Receive:
    """Returns a ``receive`` that raises RefusedError once a request exceeds the largest file plus ``extra`` bytes."""
    received = -extra

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        limits.check_bytes(received)
        return message

    return counted


def _problem(sentence: str, status: int, headers: Any = None) -> JSONResponse:
    return JSONResponse(Problem(error=sentence).model_dump(), status, headers)
