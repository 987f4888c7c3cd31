"""Predictions behind a server: concurrency, queue and time limit."""

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
from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.inference.predictor import Predictor
from encnet.system.errors import InputError


def test_the_limit_of_concurrency_is_kept(network: EncNet) -> None:
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


def test_a_full_queue_refuses_jobs_until_it_empties(network: EncNet) -> None:
    service = Service(Predictor(network), Limits(concurrency=1, timeout=20))
    let_go = threading.Event()

    async def ask() -> None:
        waiting = [asyncio.create_task(service.run(let_go.wait)) for _ in range(1 + WAITING)]
        await asyncio.sleep(0.01)
        with pytest.raises(RefusedError, match="the server is busy") as refused:
            await service.run(let_go.wait)
        assert refused.value.status == BUSY
        let_go.set()
        assert all(await asyncio.gather(*waiting))
        assert await service.run(lambda: 7) == 7

    asyncio.run(ask())
    service.close()


def test_a_job_beyond_the_time_limit_is_refused_and_frees_its_place(network: EncNet) -> None:
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
    assert begun == ["slow"]  # the second was cancelled before its turn
    with pytest.raises(RuntimeError, match="shutdown"):
        asyncio.run(service.run(lambda: 7))


def test_errors_of_a_job_reach_its_caller(network: EncNet) -> None:
    service = Service(Predictor(network), Limits())
    with pytest.raises(InputError, match="the file is empty"):
        asyncio.run(service.run(lambda: service.segment(b"")))
    service.close()


def test_a_service_segments_and_explains_like_the_library(network: EncNet, scene: Image.Image, tmp_path: Path) -> None:
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


def test_models_without_visible_codewords_are_not_explained(network: EncNet) -> None:
    assert Service(Predictor(network), Limits()).explains
    assert not Service(Predictor(network, "mmseg-ms"), Limits()).explains
    assert not Service(Predictor(create_model("encnet_tiny", 3, context=False)), Limits()).explains
