"""What a run says of its learning rate at its start."""

from __future__ import annotations

from pathlib import Path

import pytest

from encnet.training.config import TrainConfig
from encnet.training.run import train


@pytest.mark.parametrize(("warmup", "said"), [(2, False), (3, True), (50, True)])
def test_a_warm_up_as_long_as_the_run_is_said(
    warmup: int, said: bool, squares: Path, settings: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.epochs, settings.optimizer.warmup_steps = 1, warmup
    train(squares, settings, tmp_path / "run")
    expected = f"the warm-up takes {warmup} steps and the run only 3, so the learning rate stays below optimizer.lr"
    assert (expected in capsys.readouterr().out) is said
