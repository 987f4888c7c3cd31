"""The gate before the server: who may ask, and the headers of every answer.

A browser sends requests for any page that it has open. A page of another site can post to this server, and a host name
that changes its address (DNS rebinding) makes a page of another site look like one of this server. So the gate compares
the headers ``Host`` and ``Origin``, which pages cannot forge, with the names of the server.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from encnet.system.errors import InputError
from encnet.system.text import quoted

OPEN: frozenset[str] = frozenset({"/health"})
"""Paths that need no token."""

# HTTP status codes (RFC 9110, RFC 6585).
UNAUTHORIZED: int = 401
FORBIDDEN: int = 403
TOO_MANY_HEADERS: int = 431

_MOST_HEADERS = 100
_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": _POLICY.encode(),
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(self), clipboard-read=(self), geolocation=(), microphone=()",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}


class Gate:
    """An ASGI application that passes only admitted requests to another one.

    Args:
        app: the application behind the gate.
        names: names under which the server is reached; addresses and ``localhost`` are always admitted.
        token: what a request has to send, as a bearer token or as the password of HTTP Basic authentication; None
            admits everyone.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str] = (), token: str | None = None) -> None:
        self.app: ASGIApp = app
        self.names: frozenset[str] = frozenset(name.lower() for name in names)
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the server is configured without WebSockets
            return
        send = _with_headers(send)
        refusal = self._refusal(scope)
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await refusal.answer(send)

    def _refusal(self, scope: Scope) -> _Refusal | None:
        headers = Headers(scope=scope)
        if len(headers) > _MOST_HEADERS:
            return _Refusal(TOO_MANY_HEADERS, f"the request has more than {_MOST_HEADERS} headers")
        host, origin = headers.get("host", ""), headers.get("origin")
        name = _name(host)
        if name is None or not (name in self.names or _is_own(name)):
            return _Refusal(
                FORBIDDEN, f"the server does not answer as {host[:80]!r}; its operator can add --allowed_hosts NAME"
            )
        if origin is not None and not self._is_own_page(origin, host):
            return _Refusal(FORBIDDEN, "the server does not answer to pages of other sites")
        if self._token is not None and scope["path"] not in OPEN and not self._knows_token(headers):
            return _Refusal(UNAUTHORIZED, "the token is missing or wrong; send it as Authorization: Bearer TOKEN")
        return None

    def _is_own_page(self, origin: str, host: str) -> bool:
        """True for pages of this server. A server in front of it may have replaced the host by an address."""
        scheme, _, place = origin.lower().partition("://")
        return scheme in ("http", "https") and (place == host.lower() or _name(place) in self.names)

    def _knows_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        token = given.strip().encode()
        if scheme.lower() == "basic":
            try:
                token = base64.b64decode(token, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != "bearer":
            return False
        assert self._token is not None
        return secrets.compare_digest(token, self._token)


@dataclass(frozen=True)
class _Refusal:
    status: int
    sentence: str

    async def answer(self, send: Send) -> None:
        body = json.dumps({"error": self.sentence}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if self.status == UNAUTHORIZED:
            headers.append((b"www-authenticate", b'Basic realm="encnet", charset="UTF-8"'))  # a browser then asks
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def require_names(names: Iterable[str]) -> None:
    """Refuses names that no request can have.

    Args:
        names: names under which the server is to be reached.

    Raises:
        InputError: one is more than a name, with a scheme, a port or a path for example; the message says what to give.
    """
    for name in names:
        if re.fullmatch(r"[A-Za-z0-9._-]+", name) or _is_own(name.strip("[]")):
            continue
        try:
            found = urlsplit(name if "//" in name else f"//{name}").hostname or ""
            host = found.encode("idna").decode("ascii")  # as browsers send it
        except ValueError:
            host = ""
        better = f"give {host}" if _HOST.fullmatch(host) else "give the bare name, models.example for example"
        raise InputError(
            f"{quoted(name)} is not the name of a host, so no request can have it; {better}", "allowed_hosts"
        )


def _name(host: str) -> str | None:
    """Returns the name or address in a ``Host`` header, without its port; None if it has neither."""
    match = _HOST.fullmatch(host)
    return None if match is None else (match[1] or match[2]).lower()


def _is_own(name: str) -> bool:
    """True for names that no other site can have: addresses, and the name of this machine for itself."""
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(name, value) for name, value in message["headers"] if name.lower() not in _HEADERS]
            message = {**message, "headers": [*headers, *_HEADERS.items()]}
        await send(message)

    return sent
