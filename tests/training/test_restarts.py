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

from encnet.training.restarts import MARK, began, job

VARIABLES = ("TORCHELASTIC_RUN_ID", "GROUP_WORLD_SIZE", "SLURM_JOB_ID", "SLURM_RESTART_COUNT")
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
    ("mark", "variables", "goes_on"),
    [
        ('{"torchrun": "garden"}', {"TORCHELASTIC_RUN_ID": "garden"}, True),
        ('{"torchrun": "garden"}', {"TORCHELASTIC_RUN_ID": "lawn"}, False),
        ('{"torchrun": "garden"}', {}, False),
        ('{"slurm": "17"}', {"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "1"}, True),
        ('{"slurm": "17"}', {"SLURM_JOB_ID": "17", "SLURM_RESTART_COUNT": "0"}, False),  # a second command of the job
        ('{"slurm": "17"}', {"SLURM_JOB_ID": "17"}, False),
        ('{"slurm": "17"}', {"SLURM_JOB_ID": "18", "SLURM_RESTART_COUNT": "1"}, False),
        (None, {"TORCHELASTIC_RUN_ID": "garden"}, False),
        ("no JSON", {"TORCHELASTIC_RUN_ID": "garden"}, False),
        ('["garden"]', {"TORCHELASTIC_RUN_ID": "garden"}, False),
    ],
)
def test_only_a_run_of_the_same_job_goes_on(
    mark: str | None, variables: dict[str, str], goes_on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if mark is not None:
        (tmp_path / MARK).write_text(mark, encoding="utf-8")
    assert began(tmp_path) is goes_on


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
