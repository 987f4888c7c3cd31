"""Training in 1, 2 and 4 processes is the same training."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from training_process import SMALL

import encnet

SCRIPT = Path(__file__).parents[1] / "fixtures/frozen_norms.py"


@pytest.mark.slow
def test_weights_and_scores_do_not_depend_on_the_number_of_processes(squares: Path, tmp_path: Path) -> None:
    """With batch norms that keep their statistics; 3 validation images for 4 processes."""
    for number, path in enumerate(sorted((squares / "labels/train").iterdir())):
        label = np.array(Image.open(path))
        label[4 * number + 4 :] = 255  # so that the processes have different numbers of labelled pixels
        Image.fromarray(label).save(path)
    runs = {processes: train(squares, tmp_path / str(processes), processes) for processes in (1, 2, 4)}
    weights = {processes: load_file(run / "last.safetensors") for processes, run in runs.items()}
    scores = {processes: encnet.load(run / "best.safetensors").info.training for processes, run in runs.items()}
    for processes in (2, 4):
        torch.testing.assert_close(weights[processes], weights[1], rtol=0, atol=1e-5)
        assert scores[processes] == scores[1]


def train(data: Path, run: Path, processes: int) -> Path:
    """A run of six steps of four images each."""
    settings = ["--epochs", "3", "--data.workers", "0", "--model.dropout", "0", "--loss.jaccard_weight", "0.5"]
    batch = ["--data.batch_size", str(4 // processes), "--devices", str(processes)]
    command = [sys.executable, str(SCRIPT), "train", str(data), "--out", str(run), *_small(), *settings, *batch]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=180, check=False)
    assert ended.returncode == 0, ended.stderr
    return run


def _small() -> list[str]:
    """The settings of :data:`SMALL` for the network, without the length of the run and the batch."""
    left_out = ("--steps", "--validate_every", "--data.batch_size")
    pairs = zip(SMALL[::2], SMALL[1::2], strict=True)
    return [word for name, value in pairs if name not in left_out for word in (name, value)]
