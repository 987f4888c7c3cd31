"""Receives the image file of a request, within limits on bytes and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Message

from encnet.app.limits import BUSY, TOO_SLOW, Limits, RefusedError
from encnet.system.errors import InputError

_FORM_BYTES = 10_000  # that a form may add to the file


class Intake:
    """Receives files, and bounds the bytes of all that are received or answered at the same time.

    Args:
        limits: largest file, longest time to receive it, and the number of files at the same time.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits: Limits = limits
        self._held = 0  # bytes of all requests

    @asynccontextmanager
    async def file(self, request: Request) -> AsyncIterator[bytes]:
        """Receives the file of a request, its body or the file in its form; the bytes count until the block ends.

        Raises:
            RefusedError: the file is too large, comes too slowly, or too many others are being received.
            InputError: the form has no file.
        """
        form = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
        extra = _FORM_BYTES if form else 0
        self.limits.check_bytes(_announced(request) - extra)  # refused before it is sent
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await request.receive()
            size = len(message.get("body", b""))
            received += size
            self._held += size
            self.limits.check_bytes(received - extra)
            if self._held > self.limits.max_received:
                raise RefusedError("the server is busy; try again in a minute", BUSY)
            return message

        counting = Request(request.scope, counted)
        try:
            try:
                content = await asyncio.wait_for(_in_form(counting) if form else counting.body(), self.limits.timeout)
            except TimeoutError as error:
                raise RefusedError(
                    f"the file did not arrive within {self.limits.timeout:g} seconds; make it smaller", TOO_SLOW
                ) from error
            yield content
        finally:
            self._held -= received


async def _in_form(request: Request) -> bytes:
    """Returns the file in a form."""
    try:
        async with request.form(max_files=1, max_fields=10) as form:
            for value in form.values():
                if isinstance(value, UploadFile):
                    return await value.read()
    except OSError as error:  # the form goes through a temporary file
        raise RefusedError("the server has no room for a form; send the image as the body", BUSY) from error
    except FormParserError as error:
        raise InputError("the form is damaged; send the image as the body of the request") from error
    raise InputError("the form has no file; send the image as its field `image`, or as the body of the request")


def _announced(request: Request) -> int:
    """Returns the length of the body that its header announces; 0 if there is none."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0
