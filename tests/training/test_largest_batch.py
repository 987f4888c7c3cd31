"""The largest batch that fits into memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from encnet.training.config import TrainConfig
from encnet.training.largest_batch import largest_that_fits
from encnet.training.recipes import save_config
from encnet.training.run import train


@given(st.integers(0, 300), st.integers(1, 300))
def test_the_largest_that_fits_is_found_in_few_tries(largest: int, most: int) -> None:
    tried: list[int] = []

    def fits(number: int) -> bool:
        tried.append(number)
        return number <= largest

    assert largest_that_fits(fits, most) == min(largest, most)
    assert max(tried) <= most
    assert len(tried) <= 2 * most.bit_length() + 1


PROGRAM = """
import resource, sys
from pathlib import Path
import encnet.training.run, encnet.training.trainer
from encnet.cli import main
pages = int(Path("/proc/self/statm").read_text().split()[0])
soft = pages * resource.getpagesize() + int(sys.argv[1]) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (soft, resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not limit memory as Linux does")
def test_memory_decides(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    """A process with so many megabytes more than it uses after its imports."""
    settings.data.crop, settings.steps = (480, 640), 1
    save_config(settings, squares, tmp_path / "settings.yaml")
    words = ["train", str(squares), "--recipe", str(tmp_path / "settings.yaml"), "--largest_batch", "--out"]

    def run(megabytes: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", PROGRAM, str(megabytes), *words, str(tmp_path / f"run{megabytes}")]
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})

    little, more = run(150), run(1500)
    assert little.returncode == 2
    assert "a step with one image of 480 x 640 pixels does not fit into memory" in little.stderr
    assert not (tmp_path / "run150").exists()
    found = re.search(r"batch of (\d+): up to (\d+) images fit", more.stdout)
    assert found is not None, more.stdout + more.stderr
    assert 1 <= int(found[1]) <= int(found[2]) < 10
    assert more.returncode == 0


def test_a_run_says_the_batch_and_keeps_it(
    squares: Path, settings: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.largest_batch, settings.steps = True, 1
    train(squares, settings, tmp_path / "run")
    assert "batch of 9: the memory of cpu takes up to 10 images" in capsys.readouterr().out
    config = yaml.safe_load((tmp_path / "run/config.yaml").read_text())["config"]
    assert config["data"]["batch_size"] == 9
    assert not config["largest_batch"]
