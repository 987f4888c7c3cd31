"""Connections: slow and silent clients, over a real socket, with short limits."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the server takes uvicorn: pip install 'encnet[app]'")

import uvicorn

from benchmarks.wire import Hostile, ask
from encnet.app import connection

ANSWER = b"y" * 20_000_000  # more than sockets hold
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the length of the body; to /large with many bytes, and to /early before it has read the body."""
    size, more = 0, scope["path"] != "/early"
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = ANSWER if scope["path"] == "/large" else str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def running() -> Iterator[uvicorn.Server]:
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as listener:
        patch.setattr(connection, "HEAD_SECONDS", 0.5)
        patch.setattr(connection, "ANSWER_SECONDS", 0.5)
        config = uvicorn.Config(app, http=connection.Connection, ws="none", lifespan="off", log_level="critical")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        server.port = listener.getsockname()[1]  # type: ignore[attr-defined]
        yield server
        server.should_exit = True
        thread.join()


@pytest.fixture
def port(running: Any) -> int:
    return running.port


def seconds_open(connection: socket.socket) -> float:
    """Time until the server ends a connection."""
    began = time.monotonic()
    connection.settimeout(10)
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - began


def seconds_until_refused(connection: socket.socket, piece: bytes) -> float:
    """Time until nothing more can be sent, at most 5 seconds."""
    began = time.monotonic()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while time.monotonic() < began + 5:
            connection.sendall(piece)
            time.sleep(0.05)
    return time.monotonic() - began


def test_a_slow_head_is_refused(port: int) -> None:
    answer = ask(port, Hostile("", [HEAD, *[b"a: b\r\n"] * 40], 0.1))
    assert answer.status == 408


def test_a_silent_connection_ends(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as silent:
        assert seconds_open(silent) < 2


def test_a_second_head_has_its_own_time(port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(4):
        client.request("POST", "/", b"x")
        assert client.getresponse().read() == b"1"
        time.sleep(0.3)
    client.sock.sendall(HEAD)
    assert seconds_open(client.sock) < 2
    client.close()


def test_a_slow_body_is_left_to_the_application(port: int) -> None:
    answer = ask(port, Hostile("", [HEAD + b"Content-Length: 10\r\n\r\n", *[b"x"] * 10], 0.1))
    assert (answer.status, answer.text[-2:]) == (200, "10")


def test_the_rest_of_an_answered_request_is_not_read_for_ever(port: int, running: uvicorn.Server) -> None:
    head = CHUNKED.replace(b"POST /", b"POST /early", 1)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(head)
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        assert seconds_until_refused(client, b"a\r\n0123456789\r\n") < 3
    assert is_empty(running)


def test_a_client_that_does_not_read_is_left(port: int, running: uvicorn.Server) -> None:
    with socket.create_connection(("127.0.0.1", port)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(HEAD.replace(b"POST /", b"POST /large", 1) + b"Content-Length: 0\r\n\r\n")
        time.sleep(0.2)
        assert not is_empty(running, 0.1)
        assert is_empty(running)


def is_empty(running: uvicorn.Server, seconds: float = 4.0) -> bool:
    """Waits until the server has no connection."""
    ended = time.monotonic() + seconds
    while running.server_state.connections and time.monotonic() < ended:
        time.sleep(0.02)
    return not running.server_state.connections


def test_chunks_of_a_few_bytes_are_refused(port: int) -> None:
    assert ask(port, Hostile("", [CHUNKED + b"1\r\nx\r\n" * 200_000])).status == 400
    assert ask(port, Hostile("", [CHUNKED, b"1\r\nx\r\n" * 20, b"0\r\n\r\n"], 0.05)).text.endswith("\r\n20")


def test_chunks_and_bodies_of_any_bytes_are_received(port: int) -> None:
    ends = b"\r\n" * 5000
    assert ask(port, Hostile("", [CHUNKED + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n"])).text.endswith("\r\n1024")
    assert ask(port, Hostile("", [HEAD + b"Content-Length: 10000\r\n\r\n" + ends])).text.endswith("\r\n10000")


@pytest.mark.parametrize("body", [b"ZZ\r\nx\r\n", b"-5\r\nx\r\n"])
def test_a_wrong_chunk_is_refused_before_and_after_the_answer(body: bytes, port: int, running: uvicorn.Server) -> None:
    assert ask(port, Hostile("", [CHUNKED, body], 0.1)).status == 400
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(CHUNKED.replace(b"POST /", b"POST /early", 1))
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        client.sendall(body)
        assert seconds_open(client) < 2
    assert is_empty(running)
