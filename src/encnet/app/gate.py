"""The gate before the server: it admits only the routes that the page uses, and no files but uploads.

Gradio serves more than this page needs: files by path, a proxy, components, a monitor. When it is mounted into another
application, as here, it accepts any file of the server as an upload if a program pretends to be the page, and fetches
addresses that it is given (6.31). The gate closes all of this, whatever Gradio's own rules are. The content security
policy stops the page itself from contacting other hosts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SERVED: re.Pattern[str] = re.compile(
    r"/(|predict|model|health|openapi\.json"  # ours
    r"|config|theme\.css|favicon\.ico|manifest\.json|(assets|static)/[^?]*"
    r"|gradio_api/(info|startup-events|upload|upload_progress|heartbeat/\w+|queue/data|cancel|reset|theme\.css|app_id))"
)
"""Paths that are admitted, besides the two below."""

_FILE = "/gradio_api/file="
_ORDER = "/gradio_api/queue/join"
_ORDER_BYTES = 100_000

_POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; object-src 'none'; base-uri 'self';"
    " form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = {
    b"content-security-policy": _POLICY.encode(),
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}


class Gate:
    """An ASGI application that passes only admitted requests to another one.

    Args:
        app: the application behind the gate.
        uploads: folder of uploads; the page can name and fetch files of this folder only.
    """

    def __init__(self, app: ASGIApp, uploads: Path) -> None:
        self.app: ASGIApp = app
        self.uploads: Path = uploads.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})
        elif scope["path"] == _ORDER:
            order = await _body(receive)
            if order is None or not self._names_uploads(order):
                await _refuse(send, 400, "the server does not have this photograph any more; upload it again")
            else:
                await self.app(scope, _replayed(order, receive), _with_headers(send))
        elif SERVED.fullmatch(scope["path"]) or self._is_upload_path(scope["path"]):
            await self.app(scope, receive, _with_headers(send))
        else:
            await _refuse(send, 404, "there is nothing here; see / and /openapi.json")

    def _is_upload_path(self, path: str) -> bool:
        return path.startswith(_FILE) and self._is_upload(path[len(_FILE) :])

    def _names_uploads(self, order: bytes) -> bool:
        try:
            return all(map(self._is_upload, _paths(json.loads(order))))
        except (ValueError, RecursionError):
            return False

    def _is_upload(self, path: object) -> bool:
        if not isinstance(path, str) or "\0" in path:
            return False
        return Path(path).resolve().is_relative_to(self.uploads)  # follows links and `..`


def _paths(value: Any) -> Iterator[object]:
    """Yields the value of every key ``path`` in a JSON value."""
    if isinstance(value, dict):
        if "path" in value:
            yield value["path"]
        for part in value.values():
            yield from _paths(part)
    elif isinstance(value, list):
        for part in value:
            yield from _paths(part)


async def _body(receive: Receive) -> bytes | None:
    """Returns the body of a request; None if it is too large or its sender has disconnected."""
    body = b""
    while len(body) <= _ORDER_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body
    return None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Returns a ``receive`` that delivers a body that was read already."""
    delivered = False

    async def received() -> Message:
        nonlocal delivered
        if delivered:
            return await receive()
        delivered = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(name, value) for name, value in message["headers"] if name.lower() not in _HEADERS]
            message = {**message, "headers": [*headers, *_HEADERS.items()]}
        await send(message)

    return sent


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence, "detail": sentence}).encode()  # Gradio's page reads `detail`
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *_HEADERS.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
