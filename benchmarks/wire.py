"""Requests as bytes on the wire, and what a server answers."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import NamedTuple

PATIENCE = 40.0
"""Longest time in which a server has to answer, in seconds."""
HOST = "Host: 127.0.0.1"


class Hostile(NamedTuple):
    """A request, whole or in pieces."""

    name: str
    pieces: Iterable[bytes]  #: what is sent
    pause: float = 0.0  #: seconds between the pieces


class Answer(NamedTuple):
    """What came back."""

    status: int  #: 0 if the connection ended without an answer
    text: str  #: all of it, with its head


def ask(port: int, request: Hostile) -> Answer:
    """Sends a request to a port of this machine, and reads until the server has answered or ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        received = bytearray()
        try:
            for piece in request.pieces:
                connection.sendall(piece)
                connection.settimeout(request.pause or 0.001)
                if _receive(connection, received):
                    break
                connection.settimeout(PATIENCE)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was sent; the answer may be there
        connection.settimeout(PATIENCE)
        try:
            while not _is_complete(received) and not _receive(connection, received):
                pass
        except ConnectionResetError:
            pass
    text = received.decode("latin-1")
    return Answer(int(text[9:12]) if text.startswith("HTTP/1.1 ") else 0, text)


def _receive(connection: socket.socket, received: bytearray) -> bool:
    """Reads what has come; returns whether that is the end."""
    try:
        part = connection.recv(65_536)
    except TimeoutError:
        return False
    received += part
    return not part or _is_complete(received)


def _is_complete(received: bytearray) -> bool:
    head, gap, body = bytes(received).partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(gap) and bool(lengths) and len(body) >= int(lengths[0][15:])


def post(body: bytes, path: str = "/predict", *headers: str) -> bytes:
    """A request with a body."""
    return head("POST", path, f"Content-Length: {len(body)}", *headers) + body


def head(method: str, path: str, *headers: str) -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", HOST, *headers, "", ""]).encode("latin-1")
