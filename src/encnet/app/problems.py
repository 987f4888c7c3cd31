"""Errors as answers: JSON with one sentence, :class:`encnet.app.answer.Problem`."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from encnet.app.answer import Problem
from encnet.app.limits import BUSY, TOO_LONG, RefusedError
from encnet.system.errors import InputError

WRONG: int = 422  # RFC 9110: unprocessable content

_RETRY = {"Retry-After": "60"}


def add_problems(app: FastAPI) -> None:
    """Makes an application answer every error with a status and one sentence."""

    @app.exception_handler(InputError)
    async def wrong_input(request: Request, error: InputError) -> JSONResponse:
        status = error.status if isinstance(error, RefusedError) else WRONG
        return _problem(str(error), status, _RETRY if status in (BUSY, TOO_LONG) else None)

    @app.exception_handler(RequestValidationError)
    async def wrong_option(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return _problem(f"{str(first['loc'][-1])[:80]}: {first['msg']}; see /openapi.json", WRONG)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        return _problem(f"{str(error.detail).rstrip('.')}; see / and /openapi.json", error.status_code, error.headers)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> JSONResponse:
        return _problem("the request ended before its file did", 400)  # nobody reads it

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return _problem("the server failed on this image; see its log", 500)


def _problem(sentence: str, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(Problem(error=sentence).model_dump(), status, headers)
