"""Jobs that are started again: which runs go on, and `torchrun` after one of its processes was killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import frozen_norms
import pytest
import torch
from frozen_norms import SETTINGS, train
from safetensors.torch import load_file

from encnet.training.restarts import MARK, began, job, mark_run

VARIABLES = (
    *("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "GROUP_WORLD_SIZE"),
    *("SLURM_JOB_ID", "SLURM_RESTART_COUNT"),
)
ALONE = {"TORCHELASTIC_RUN_ID": "none", "GROUP_WORLD_SIZE": "1"}
HERE = f"{socket.gethostname()} {os.getppid()}"


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({}, {}),
        ({"TORCHELASTIC_RUN_ID": "garden", "GROUP_WORLD_SIZE": "2"}, {"torchrun": "garden"}),
        ({"TORCHELASTIC_RUN_ID": "none", "GROUP_WORLD_SIZE": "1"}, {"torchrun": HERE}),
        ({"TORCHELASTIC_RUN_ID": "none", "GROUP_WORLD_SIZE": "2"}, {}),
        ({"SLURM_JOB_ID": "17"}, {"slurm": "17"}),
    ],
)
def test_a_job_has_a_name_that_stays(
    variables: dict[str, str], names: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert job() == names


@pytest.mark.parametrize(
    ("before", "now", "goes_on"),
    [
        ({"TORCHELASTIC_RUN_ID": "garden"}, {"TORCHELASTIC_RUN_ID": "garden"}, True),
        ({"TORCHELASTIC_RUN_ID": "garden"}, {"TORCHELASTIC_RUN_ID": "lawn"}, False),
        ({"TORCHELASTIC_RUN_ID": "garden"}, {}, False),
        (ALONE, {**ALONE, "TORCHELASTIC_RESTART_COUNT": "1"}, True),
        (ALONE, {**ALONE, "TORCHELASTIC_RESTART_COUNT": "0"}, False),  # another container with the same names
        ({"SLURM_JOB_ID": "17"}, {"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "1"}, True),
        ({"SLURM_JOB_ID": "17"}, {"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "0"}, False),  # a second command
        ({"SLURM_JOB_ID": "17"}, {"SLURM_JOB_ID": "17"}, False),
        ({"SLURM_JOB_ID": "17"}, {"SLURM_JOB_ID": "18", "SLURM_RESTART_COUNT": "1"}, False),
        ({}, {"TORCHELASTIC_RUN_ID": "garden"}, False),
    ],
)
def test_only_a_run_of_the_same_job_goes_on(
    before: dict[str, str], now: dict[str, str], goes_on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["encnet", "train", "data", "--out", "run"])
    with monkeypatch.context() as context:
        for name, value in before.items():
            context.setenv(name, value)
        mark_run(tmp_path)
    for name, value in now.items():
        monkeypatch.setenv(name, value)
    assert began(tmp_path) is goes_on
    monkeypatch.setattr(sys, "argv", ["encnet", "train", "other", "--out", "run"])
    assert not began(tmp_path)


@pytest.mark.parametrize("mark", ["no JSON", '["garden"]', "[" * 100_000, "{}"])
def test_a_damaged_mark_is_none(mark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "garden")
    (tmp_path / MARK).write_text(mark, encoding="utf-8")
    assert not began(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_torchrun_starts_a_killed_job_again_and_it_goes_on(squares: Path, tmp_path: Path) -> None:
    folder = tmp_path / "two"
    agent = subprocess.Popen(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--max_restarts", "2"),
            *("--nproc_per_node", "2", frozen_norms.__file__, "train", str(squares), "--out", str(folder)),
            *(*SETTINGS, "--data.batch_size", "2", "--devices", "2", "--save_every_minutes", "1e-6"),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not (folder / "last.ckpt").is_file():
            assert agent.poll() is None and time.monotonic() < deadline, agent.communicate()
            time.sleep(0.02)
        os.kill(_workers(agent.pid)[1], signal.SIGKILL)
        out, errors = agent.communicate(timeout=180)
    finally:
        agent.kill()
    assert agent.returncode == 0, errors
    assert out.count(f"this job was started again, so the run in {folder} goes on where it stopped") == 1
    assert json.loads((folder / MARK).read_text("utf-8"))["torchrun"] not in ("", "none")
    one = train(squares, tmp_path / "one", 1)
    weights, expected = (load_file(run / "last.safetensors") for run in (folder, one))
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-5)


def _workers(agent: int) -> list[int]:
    """The processes that an agent of torchrun started."""
    children = Path(f"/proc/{agent}/task/{agent}/children").read_text("ascii").split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    return [child for child, command in commands.items() if b"frozen_norms" in command]
