"""Predictions behind a server: so many at once, each in its time."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.app.limits import BUSY, TOO_LONG, WAITING, Limits, RefusedError
from encnet.app.service import Service
from encnet.errors import InputError
from encnet.inference.predictor import Predictor
from encnet.model.encnet import EncNet
from encnet.model.variants import create_model


def test_no_more_run_at_once_than_may(network: EncNet) -> None:
    service = Service(Predictor(network), Limits(concurrency=2, timeout=20))
    running, most, lock = 0, 0, threading.Lock()

    def job(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return number

    async def ask() -> list[int]:
        return await asyncio.gather(*(service.run(lambda number=number: job(number)) for number in range(12)))

    assert asyncio.run(ask()) == list(range(12))
    assert most == 2
    service.close()


def test_a_queue_has_an_end_and_empties(network: EncNet) -> None:
    service = Service(Predictor(network), Limits(concurrency=1, timeout=20))
    let_go = threading.Event()

    async def ask() -> None:
        waiting = [asyncio.create_task(service.run(let_go.wait)) for _ in range(1 + WAITING)]
        await asyncio.sleep(0.01)
        with pytest.raises(RefusedError, match="too much to do") as refused:
            await service.run(let_go.wait)
        assert refused.value.status == BUSY
        let_go.set()
        assert all(await asyncio.gather(*waiting))
        assert await service.run(lambda: 7) == 7

    asyncio.run(ask())
    service.close()


def test_who_waits_too_long_is_answered_and_the_place_is_free_again(network: EncNet) -> None:
    service = Service(Predictor(network), Limits(concurrency=1, timeout=0.1))
    let_go, begun = threading.Event(), []

    def slow() -> None:
        begun.append("slow")
        let_go.wait(10)

    async def ask() -> None:
        first = asyncio.create_task(service.run(slow))
        second = asyncio.create_task(service.run(lambda: begun.append("second")))
        for task in (first, second):
            with pytest.raises(RefusedError, match=r"no result after 0\.1 seconds") as refused:
                await task
            assert refused.value.status == TOO_LONG
        let_go.set()

    asyncio.run(ask())
    service.close()  # waits for the slow one
    assert begun == ["slow"]  # the second gave up before its turn, and is not computed for nobody
    with pytest.raises(RuntimeError, match="shutdown"):
        asyncio.run(service.run(lambda: 7))


def test_errors_of_a_job_reach_who_asked(network: EncNet) -> None:
    service = Service(Predictor(network), Limits())
    with pytest.raises(InputError, match="the file is empty"):
        asyncio.run(service.run(lambda: service.segment(b"")))
    service.close()


def test_what_is_segmented_and_explained_is_the_image(network: EncNet, scene: Image.Image, tmp_path: Path) -> None:
    scene.save(tmp_path / "scene.png")
    predictor = Predictor(network)
    service = Service(predictor, Limits())
    content = (tmp_path / "scene.png").read_bytes()
    labels = predictor(scene).labels
    assert len(np.unique(labels)) > 1
    assert np.array_equal(service.segment(content).labels, labels)
    explanation = service.explain(content)
    assert np.array_equal(explanation.labels, labels)
    assert np.allclose(explanation.assignment.sum(axis=0), 1, atol=1e-5)
    service.close()


def test_what_has_no_codewords_is_not_explained(network: EncNet) -> None:
    assert Service(Predictor(network), Limits()).explains
    assert not Service(Predictor(network, "mmseg-ms"), Limits()).explains
    assert not Service(Predictor(create_model("encnet_tiny", 3, context=False)), Limits()).explains
