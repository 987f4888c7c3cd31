"""Connections of the server that slow or silent clients cannot keep open."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS: float = 10.0
"""Longest time until the head of a request has arrived, and until the rest of a refused body is ignored."""
ANSWER_SECONDS: float = 120.0
"""Longest time in which a client fetches an answer that is complete."""
MOST: int = 500
"""Number of connections above which requests are refused; operating systems often allow a process 1024 files."""

_SLICE = 8192
_ENDS_OF_LINES = 160
"""Ends of lines in a slice of a body in chunks, of which each chunk has two: chunks of 100 bytes on average."""
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Connection(H11Protocol):
    """uvicorn's connection, which waits without end for the head of a request and for clients that do not read.

    It also parses all that has come before it serves another connection. This one refuses what takes long to parse,
    ends if no request is under way for :data:`HEAD_SECONDS`, and aborts if the client has not fetched the last
    answer :data:`ANSWER_SECONDS` later.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        if self._deadline is not None:
            self._deadline.cancel()

    def data_received(self, data: bytes) -> None:
        """Receives what has come, unless it is a body in chunks of a few bytes, which take long to parse."""
        for start in range(0, len(data), _SLICE):
            part = data[start : start + _SLICE]
            if self._is_chunked() and part.count(b"\r\n") > _ENDS_OF_LINES:
                self.send_400_response("The chunks are too small.")
            if self.transport.is_closing():
                break
            super().data_received(part)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP; in the middle of an answer there is nothing to say."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def _is_chunked(self) -> bool:
        chunked = any(name == b"transfer-encoding" for name, _ in self.headers or ())
        return chunked and self.conn.their_state is h11.SEND_BODY

    def _wait(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._end)

    def _end(self) -> None:
        if self.cycle is None or self.cycle.response_complete:  # else a request is under way, and has its own limits
            if self.conn.trailing_data[0] and self.conn.their_state is h11.IDLE:  # a part of a head has arrived
                self.transport.write(_TOO_SLOW)
            self.transport.close()
            self._deadline = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)
