"""Hostile requests are refused, and good ones answered meanwhile."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import httpx
import pytest
from image_files import encoded
from PIL import Image

from benchmarks.hostile_requests import hostile_requests, slow_requests
from benchmarks.reliability_requests import is_refusal, refusals
from benchmarks.wire import ask


def test_hostile_requests_are_refused_while_good_ones_are_answered(server: SimpleNamespace, scene: Image.Image) -> None:
    slow = {request.name for request in slow_requests(1)}
    requests = [request for request in hostile_requests(0.5, 1) if request.name not in slow]
    content, good, ended = encoded(scene), [], threading.Event()

    def client() -> None:
        while not ended.wait(0.05):
            good.append(httpx.post(f"{server.url}/predict", content=content, timeout=60).status_code)

    thread = threading.Thread(target=client)
    thread.start()
    try:
        failed = refusals(server.port, requests)
    finally:
        ended.set()
        thread.join()
    assert {name: (answer.status, answer.text) for name, answer in failed.items()} == {}
    assert len(requests) >= 200
    assert set(good) == {200}


@pytest.mark.parametrize("route", ["/viewer", "/codewords"])
def test_the_routes_of_the_page_refuse_what_predict_refuses(route: str, server: SimpleNamespace) -> None:
    files = [request for request in hostile_requests(0.5, 1) if request.name.startswith(("file: bomb", "form"))]
    assert len(files) > 40
    for request in files:
        pieces = [piece.replace(b"POST /predict", b"POST " + route.encode(), 1) for piece in request.pieces]
        answer = ask(server.port, request._replace(pieces=pieces))
        assert is_refusal(answer), (request.name, answer)
