"""Progress of a run: a bar on a terminal, lines in a log."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.cells import cell_len

from encnet.training.config import TrainConfig
from encnet.training.progress import HALF_STEP, TrainingProgress
from encnet.training.run import train

PACE = r"\d+\.\d images/s, waiting for data \d+ %"
LINE = re.compile(
    rf"^epoch (\d)/3  loss \d+\.\d{{3}}  lr (\d\.\d\de-\d\d)  {PACE}, peak memory \d+\.\d GB, left \d+:\d\d:\d\d$"
)
END = re.compile(rf"^\d+\.\d minutes, {PACE}, peak memory \d+\.\d GB; best model: .*best\.safetensors$")


def test_a_log_has_one_line_per_epoch(
    squares: Path, settings: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.epochs, settings.validate_every = 3, 2
    train(squares, settings, tmp_path / "run")
    out, _ = capsys.readouterr()
    lines = out.splitlines()
    epochs = [match for match in map(LINE.match, lines) if match]
    assert [match[1] for match in epochs] == ["1", "2", "3"]
    rates = [float(match[2]) for match in epochs]
    assert rates == sorted(rates, reverse=True)
    assert epochs[-1][0].endswith("left 0:00:00")
    assert END.match(lines[-1])


def test_the_bar_fits_80_columns(
    squares: Path,
    settings: TrainConfig,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("TERM", "xterm"), ("COLUMNS", "80"), ("LINES", "24")):
        monkeypatch.setenv(name, value)
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    settings.epochs = 2
    train(squares, settings, tmp_path / "run")
    out, err = capsys.readouterr()
    assert "waiting for data" in out  # in the last line
    assert not [line for line in out.splitlines() if LINE.match(line)]
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", err).replace("\r", "\n")
    bars = [line for line in plain.splitlines() if line.startswith("epoch ")]
    assert re.search(rf"^epoch 2/2 \S+ loss \d+\.\d{{3}} {PACE}, left 0:00:0\d$", bars[-1])
    assert max(map(cell_len, bars)) <= 80


def test_the_time_left_counts_steps_at_half_the_resolution_less() -> None:
    def work(steps: int) -> float:
        trainer = SimpleNamespace(datamodule=SimpleNamespace(half_batches=12), accumulate_grad_batches=2)
        return TrainingProgress._work(cast(Any, trainer), steps)

    assert [work(steps) for steps in (0, 3, 6, 10)] == pytest.approx(
        [0, 3 * HALF_STEP, 6 * HALF_STEP, 6 * HALF_STEP + 4]
    )
