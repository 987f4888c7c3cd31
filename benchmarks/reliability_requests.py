"""Reliability of `encnet app`: many good requests, hostile ones beside good ones, and its end while it answers."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from benchmarks.hostile_files import encoded
from benchmarks.hostile_requests import hostile_requests
from benchmarks.wire import Answer, Hostile, ask, post
from encnet.checkpoint.create import create_model
from encnet.data.scenes import generate_scene
from encnet.system.errors import InputError

REQUESTS = 1000
CONCURRENCY = 8
WARM_UP = 200
"""Requests before memory is measured: until then, allocators still find the places of blocks of each size."""
MEGAPIXELS, MEGABYTES, TIMEOUT = 2.0, 2.0, 5.0
"""Limits of the server."""

_SECRETS = re.compile(r"Traceback|File \"|site-packages|/tmp/|/home/|/usr/|\.py\b|0x[0-9a-f]{6}")
"""What no answer may hold: paths of the server, stack traces, addresses in memory."""


class Server(NamedTuple):
    """A running `encnet app`."""

    process: subprocess.Popen[str]
    port: int

    def predict(self, content: bytes) -> int:
        """Asks for a prediction; returns the status, 0 without an answer."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/predict", content)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status if "classes" in json.load(answer) else 0
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def memory(self) -> int:
        """Resident memory, in bytes; 0 where the system does not tell."""
        status = Path(f"/proc/{self.process.pid}/status")
        found = re.search(r"VmRSS:\s*(\d+) kB", status.read_text()) if status.exists() else None
        return 0 if found is None else 1024 * int(found[1])


def run(folder: Path, requests: int = REQUESTS) -> dict[str, int | float]:
    """Runs all three parts against a server with a tiny model, in a minute or two.

    Args:
        folder: empty folder, for the model.
        requests: number of good requests in the first part.

    Returns:
        Counts, tried and passed, and memory in bytes, by name.
    """
    with serving(folder) as server:
        counts = {**load(server, requests), **hostile(server)}
        return {**counts, **drain(server)}


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server with a tiny model.

    Raises:
        InputError: it does not start.
    """
    torch.manual_seed(0)
    create_model("encnet_tiny", 5).save(folder / "tiny.safetensors")
    limits = ["--max_megapixels", MEGAPIXELS, "--max_megabytes", MEGABYTES, "--timeout", TIMEOUT]
    command = [sys.executable, "-m", "encnet", "app", folder / "tiny.safetensors", "--port", "0", *limits]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
            if found is None:
                raise InputError(f"encnet app did not start; see {folder / 'server.log'}")
            yield Server(process, int(found[1]))
        finally:
            process.kill()
            process.communicate()


def photograph() -> bytes:
    """A photograph that the server can segment."""
    return encoded(Image.fromarray(generate_scene(1, height=192, width=320).image), "JPEG")


def load(server: Server, requests: int = REQUESTS) -> dict[str, int | float]:
    """Good requests, :data:`CONCURRENCY` at the same time."""
    content = photograph()
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        list(pool.map(server.predict, [content] * WARM_UP))
        before = server.memory()
        statuses = list(pool.map(server.predict, [content] * requests))
    return {
        "load_tried": requests,
        "load_passed": statuses.count(200),
        "load_bytes_before": before,
        "load_bytes_after": server.memory(),
    }


def hostile(server: Server) -> dict[str, int | float]:
    """Hostile requests, the slow ones all at once, while a client sends good ones."""
    requests, content = hostile_requests(MEGAPIXELS, MEGABYTES), photograph()
    refusals(server.port, [request for request in requests if request.name.startswith("file")])  # loads every decoder
    before, statuses, slowest, ended = server.memory(), [], 0.0, threading.Event()

    def good() -> None:
        nonlocal slowest
        while not ended.is_set():
            began = time.monotonic()
            statuses.append(server.predict(content))
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.05)

    client = threading.Thread(target=good)
    client.start()
    try:
        failed = refusals(server.port, requests)
    finally:
        ended.set()
        client.join()
    for name, answer in failed.items():
        print(f"not refused: {name}: {answer.status} {answer.text[-200:]!r}", file=sys.stderr)
    return {
        "hostile_tried": len(requests),
        "hostile_passed": len(requests) - len(failed),
        "beside_tried": len(statuses),
        "beside_passed": statuses.count(200),
        "beside_slowest_seconds": round(slowest, 2),
        "hostile_bytes_before": before,
        "hostile_bytes_after": server.memory(),
    }


def refusals(port: int, requests: list[Hostile]) -> dict[str, Answer]:
    """Sends hostile requests; returns the answers that are not as they should be, by the name of their request."""
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda request: ask(port, request), reversed(requests))  # the slow ones start first
        named = zip((request.name for request in reversed(requests)), answers, strict=True)
        return {name: answer for name, answer in named if not is_refusal(answer)}


def is_refusal(answer: Answer) -> bool:
    """True for a status from 400 to 499 with an answer that says nothing about the inside of the server."""
    return 400 <= answer.status < 500 and _SECRETS.search(answer.text) is None


def drain(server: Server) -> dict[str, int | float]:
    """SIGTERM while requests are answered: they are, and the server ends."""
    content, sent = photograph(), 4
    with ThreadPoolExecutor(sent) as pool:
        answers = [
            pool.submit(ask, server.port, Hostile("", [post(content)[:-9], content[-9:]], 1.0)) for _ in range(sent)
        ]
        time.sleep(0.5)  # all have begun, and none has arrived
        server.process.send_signal(signal.SIGTERM)
        passed = sum(answer.result().status == 200 for answer in answers)
    status = server.process.wait(timeout=60)
    return {"drain_tried": sent, "drain_passed": passed, "drain_ended": int(status in (-signal.SIGTERM, 143))}


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as temporary:
        print(json.dumps(run(Path(temporary)), indent=2))
