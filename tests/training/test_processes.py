"""Training in 1, 2 and 4 processes is the same training."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import frozen_norms
import numpy as np
import pytest
import torch
from frozen_norms import train
from PIL import Image
from safetensors.torch import load_file

import encnet


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


@pytest.mark.slow
def test_two_processes_go_on(squares: Path, tmp_path: Path) -> None:
    """The second process looks into the folder while the first one has its lock."""
    run = train(squares, tmp_path / "run", 2)
    command = [sys.executable, frozen_norms.__file__, "train", "--resume", str(run)]
    said = []
    for words in (["--epochs", "4"], []):  # the second time, the run is complete
        ended = subprocess.run([*command, *words], capture_output=True, text=True, timeout=180, check=False)
        assert ended.returncode == 0, ended.stderr
        said.append(ended.stdout.count("is complete"))
    assert said == [0, 1]
