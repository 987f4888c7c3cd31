"""Several processes on one machine: they stop together, and end together when one of them dies."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from training_process import SMALL, Training

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them"),
]


@pytest.fixture
def training(squares: Path, tmp_path: Path) -> Iterator[Training]:
    """Two processes that train, with a reading process each, in their first steps."""
    several = ["--devices", "2", "--data.workers", "1", "--save_every_minutes", "1e-6"]
    with Training([str(squares), "--out", str(tmp_path / "run"), *SMALL, *several], tmp_path / "cache") as training:
        training.wait_for(tmp_path / "run/last.ckpt")
        yield training


def other(training: Training) -> int:
    """The process that the main process started, and that has a reading process of its own."""
    group = training.group()
    (number,) = {parent for parent in group.values() if parent in group and parent != training.process.pid}
    return number


@pytest.mark.parametrize("to", ["main", "other", "all"])
def test_all_processes_stop_after_the_same_step(to: str, training: Training, tmp_path: Path) -> None:
    if to == "all":
        os.killpg(training.process.pid, signal.SIGTERM)
    else:
        os.kill(training.process.pid if to == "main" else other(training), signal.SIGTERM)
    ended = training.ended(30)
    assert (ended.status, ended.left) == (143, [])
    way_on = f"continue with `encnet train --resume {tmp_path / 'run'}`"
    assert ended.errors[-1] == f"encnet: stopped by SIGTERM; {way_on}"
    assert len(ended.errors) == (1 if to == "other" else 2)
    state = torch.load(tmp_path / "run/last.ckpt", weights_only=True)
    assert state["TrainingData"]["processes"] == 2


@pytest.mark.parametrize("who", ["main", "other"])
def test_when_a_process_dies_the_others_end_and_one_sentence_names_it(
    who: str, training: Training, tmp_path: Path
) -> None:
    number = training.process.pid if who == "main" else other(training)
    os.kill(number, signal.SIGKILL)
    ended = training.ended(30)
    assert ended.left == []
    way_on = re.escape(f"continue with `encnet train --resume {tmp_path / 'run'}`")
    of_other = rf"process 2 of 2 \({number}\) was killed by SIGKILL"
    named = of_other if who == "other" else rf"the main process \({number}\) died"
    assert len(ended.errors) == 1, ended.errors
    (line,) = ended.errors
    assert re.fullmatch(rf"encnet: {named}, so the others end too; {way_on}", line)
    assert ended.status == (1 if who == "other" else -signal.SIGKILL)
