"""A running server of `encnet app`, and a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from image_files import encoded
from PIL import Image

from benchmarks.wire import Hostile, ask, post
from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.data.scenes import generate_scene
from encnet.inference.predictor import Predictor

NAMES = ["sky", "${1+1} {{x}}", '<b>"tree\'s"</b>', "ö 道路", "car"]  # names that need escaping in templates and pages
PALETTE = [[90, 160, 220], [200, 60, 60], [40, 140, 60], [230, 200, 60], [130, 80, 200]]


@pytest.fixture(scope="session")
def network() -> EncNet:
    """A small untrained network that predicts several classes for a scene."""
    torch.manual_seed(0)
    model = create_model("encnet_tiny", len(NAMES))
    model.info.classes, model.info.palette = NAMES, PALETTE
    scene = torch.from_numpy(generate_scene(0).image).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        bias = model.head.classifier.bias
        assert bias is not None
        bias -= model.eval()(scene).logits.mean(dim=(0, 2, 3))
    return model


@pytest.fixture(scope="session")
def checkpoint(network: EncNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    network.save(path)
    return path


@pytest.fixture(scope="session")
def scene() -> Image.Image:
    """A photograph to send."""
    return Image.fromarray(generate_scene(1, height=192, width=320).image)


# `encnet app` in a process that reports connections to other machines and look-ups of their names.
_WATCHED = """
import sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        host = arguments[1][0] if event == "socket.connect" else arguments[0]
        host = host.decode() if isinstance(host, bytes) else str(host)
        if not host.startswith(("127.", "/", "localhost", "::1", "None")):
            print("another machine:", event, host, file=sys.stderr, flush=True)

sys.addaudithook(watch)
from encnet.cli import main
sys.exit(main())
"""


@pytest.fixture(scope="session")
def server(checkpoint: Path, scene: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """`encnet app`, started from the command line: ``url``, ``port``, ``predictor``.

    Fails if the server contacts another machine, drops a request on SIGTERM, logs a failure, or leaves files on disk.
    """
    pytest.importorskip("fastapi", reason="the page needs FastAPI: pip install 'encnet[app]'")
    folder = tmp_path_factory.mktemp("server")
    environment = {**os.environ, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _WATCHED, "app", str(checkpoint), "--port", "0"]
    limits = ["--max_megapixels", "0.5", "--max_megabytes", "1"]
    with (folder.parent / "server.log").open("w+") as log:
        process = subprocess.Popen(
            [*command, *limits], stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=folder
        )
        try:
            assert process.stdout is not None
            url = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
            assert url is not None, Path(log.name).read_text()
            yield SimpleNamespace(url=url[0], port=int(url[1]), predictor=Predictor(checkpoint))
            request = post(encoded(scene))
            with ThreadPoolExecutor() as pool:
                answer = pool.submit(ask, int(url[1]), Hostile("a good one", [request[:-9], request[-9:]], 1.0))
                time.sleep(0.5)  # the head has arrived, and the body has not
                process.send_signal(signal.SIGTERM)
                assert answer.result().status == 200
            assert process.wait(timeout=60) in (-signal.SIGTERM, 128 + signal.SIGTERM)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        assert "another machine" not in Path(log.name).read_text()
        assert "Traceback" not in Path(log.name).read_text()
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="module")  # Playwright keeps an event loop running, which would block those of other tests
def browser() -> Iterator[Any]:
    """Chromium without a window, with a fake camera."""
    playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", *camera])
        yield opened
        opened.close()
