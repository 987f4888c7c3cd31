"""`encnet train` as a process: what signals do to it, from the first moment on."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from training_process import SMALL, Training

from encnet.cli import main
from encnet.training.position import Position
from encnet.training.run_folder import _temporary_prefix

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of six images."""
    root, rng = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    for kind, most in (("images", 256), ("labels", 2)):
        for split in ("train", "val"):
            (root / kind / split).mkdir(parents=True)
            for i in range(3):
                shape = (40, 48, 3) if kind == "images" else (40, 48)
                Image.fromarray(rng.integers(0, most, shape, dtype=np.uint8)).save(root / kind / split / f"{i}.png")
    return root


def test_a_signal_in_a_step_saves_the_state_and_says_how_to_go_on(noise: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with Training([str(noise), "--out", str(run), *SMALL, "--data.workers", "1"], tmp_path) as training:
        training.wait_for(run / "batches.png")
        os.killpg(training.process.pid, signal.SIGTERM)  # as a job scheduler does, to reading processes too
        ended = training.ended()
    assert ended.status == 143
    assert ended.errors == [
        "SIGTERM: stopping after this step; a second signal stops at once",
        f"encnet: stopped by SIGTERM; continue with `encnet train --resume {run}`",
    ]
    assert ended.left == []
    assert main(["train", "--resume", str(run), "--steps", str(Position.of(run).step + 1)]) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGHUP", 129), ("SIGUSR1", 138)])
def test_other_signals_have_their_own_status(number: str, status: int, noise: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with Training([str(noise), "--out", str(run), *SMALL, "--data.workers", "2"], tmp_path) as training:
        training.wait_for(run / "batches.png")
        os.killpg(training.process.pid, getattr(signal, number))
        ended = training.ended()
    assert (ended.status, ended.left) == (status, [])
    assert ended.errors[-1].endswith(f"; continue with `encnet train --resume {run}`")
    assert (run / "last.ckpt").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0, 4.0, 6.0])
@pytest.mark.parametrize(("number", "status", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "stopped")])
def test_a_signal_while_the_run_is_prepared_ends_it_at_once_in_one_line(
    seconds: float, number: str, status: int, word: str, noise: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with Training([str(noise), "--out", str(run), *SMALL], tmp_path) as training:
        time.sleep(seconds)
        if (run / "last.ckpt").exists() or (run / "batches.png").exists():
            pytest.skip("the run is prepared already")
        training.process.send_signal(getattr(signal, number))
        ended = training.ended()
    assert (ended.status, ended.left) == (status, [])
    assert ended.errors[-1].startswith(f"encnet: {word}")
    assert not any("Traceback" in line for line in ended.errors)


@pytest.mark.slow
def test_the_next_start_removes_what_a_killed_run_left(noise: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = [*SMALL, "--data.workers", "2", "--save_every_minutes", "1e-6"]
    with Training([str(noise), "--out", str(run), *words], tmp_path) as training:
        training.wait_for(run / "previous.ckpt")
        training.process.kill()
        assert training.ended().left == []
    shutil.copy(run / "last.ckpt", run / "last.ckpt.part")
    (run / ".best.abcd1234.safetensors").write_text("half")
    sockets = [*Path(tempfile.gettempdir()).glob(f"{_temporary_prefix(run)}*")]
    assert sockets
    words = ["--steps", str(Position.of(run).step + 2), "--validate_every", "1", "--data.workers", "0"]
    assert main(["train", "--resume", str(run), *words]) == 0
    assert not (run / "last.ckpt.part").exists() and not (run / ".best.abcd1234.safetensors").exists()
    assert not any(folder.exists() for folder in sockets)
