"""The web page: a static page, and the routes that answer it with pieces of HTML."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from encnet.app.intake import Intake
from encnet.app.service import Service
from encnet.app.viewer import viewer
from encnet.reports.html import rendered

_TEMPLATES = files("encnet.reports") / "templates"


def add_page(app: FastAPI, service: Service, intake: Intake) -> None:
    """Adds the page to an application. Its script, app.js, posts a photograph and shows the HTML of the answer.

    Args:
        app: the application.
        service: runs the model.
        intake: receives the photographs.
    """
    everywhere = service.predictor.description.info.training.get("everywhere", ())
    page = rendered(
        "app.html",
        names=service.predictor.names,
        variant=service.predictor.description.info.variant,
        limits=service.limits,
        explains=service.explains,
    )
    _serve_text(app, "/", page, "text/html")
    for name, kind in (("app.css", "text/css"), ("app.js", "text/javascript")):
        _serve_text(app, f"/{name}", (_TEMPLATES / name).read_text(encoding="utf-8"), kind)

    async def answer(request: Request, job: Callable[[bytes], str]) -> HTMLResponse:
        async with intake.file(request) as content:
            return HTMLResponse(await service.run(lambda: job(content)))

    @app.post("/viewer", include_in_schema=False)
    async def show(request: Request) -> HTMLResponse:
        return await answer(request, lambda content: viewer(service.segment(content), everywhere))

    if service.explains:
        from encnet.app.codewords import codewords  # needs PyTorch

        @app.post("/codewords", include_in_schema=False)
        async def explain(request: Request) -> HTMLResponse:
            return await answer(request, lambda content: codewords(service.explain(content)))


def _serve_text(app: FastAPI, path: str, text: str, kind: str) -> None:
    @app.get(path, include_in_schema=False)
    async def get() -> Response:
        return Response(text, media_type=kind)
