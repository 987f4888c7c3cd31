"""Files are received within limits on bytes and time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the routes take Starlette: pip install 'encnet[app]'")

from starlette.requests import ClientDisconnect, Request

from encnet.app.intake import Intake
from encnet.app.limits import BUSY, TOO_LARGE, TOO_SLOW, Limits, RefusedError
from encnet.system.errors import InputError

MEGABYTE = b"x" * 1_000_000


def request(pieces: Iterable[bytes], wait: float = 0.0, then: str = "http.request", **headers: str) -> Request:
    """A request whose body comes in pieces, ``wait`` seconds each; ``then`` is the message after them."""
    left = iter(pieces)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(wait)
        piece = next(left, None)
        if piece is None:
            return {"type": then, "body": b"", "more_body": False}
        return {"type": "http.request", "body": piece, "more_body": True}

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


def received(intake: Intake, request: Request) -> bytes:
    async def receive() -> bytes:
        async with intake.file(request) as content:
            return content

    return asyncio.run(receive())


def endless(count: list[int]) -> Iterable[bytes]:
    while True:
        count[0] += 1
        yield b"x" * 100_000


def test_reading_a_body_of_unknown_length_stops_at_the_limit() -> None:
    count = [0]
    with pytest.raises(RefusedError, match="larger than 1 MB") as refused:
        received(Intake(Limits(max_megabytes=1)), request(endless(count)))
    assert refused.value.status == TOO_LARGE
    assert count == [11]


@pytest.mark.parametrize("length", ["1000001", "9" * 18])
def test_a_length_above_the_limit_is_refused_before_reading(length: str) -> None:
    count = [0]
    with pytest.raises(RefusedError, match="larger than 1 MB"):
        received(Intake(Limits(max_megabytes=1)), request(endless(count), content_length=length))
    assert count == [0]


def test_a_slow_body_is_refused() -> None:
    with pytest.raises(RefusedError, match=r"did not arrive within 0\.1 seconds") as refused:
        received(Intake(Limits(timeout=0.1)), request([b"x"] * 100, wait=0.03))
    assert refused.value.status == TOO_SLOW


def test_a_body_that_breaks_off_is_no_file() -> None:
    with pytest.raises(ClientDisconnect):
        received(Intake(Limits()), request([b"x"], then="http.disconnect"))


def test_a_form_without_a_file_is_refused() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nx\r\n--b--\r\n'
    with pytest.raises(InputError, match="the form has no file"):
        received(Intake(Limits()), request([body], content_type="Multipart/Form-Data; boundary=b"))


def test_all_bytes_together_are_bounded_until_their_requests_end() -> None:
    limits = Limits(max_megabytes=1, concurrency=1)
    intake = Intake(limits)
    most = limits.max_received // limits.max_bytes

    async def fill(left: int) -> None:
        async with intake.file(request([MEGABYTE])):
            if left:
                await fill(left - 1)

    asyncio.run(fill(most - 1))
    with pytest.raises(RefusedError, match="the server is busy") as refused:
        asyncio.run(fill(most))
    assert refused.value.status == BUSY
    assert received(intake, request([MEGABYTE])) == MEGABYTE  # all of them have ended
