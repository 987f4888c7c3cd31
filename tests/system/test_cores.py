"""The number of cores is that of the machine, or that of the environment variable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from encnet.system.cores import available_cores, share_cores


@pytest.mark.parametrize(("value", "expected"), [("3", {3}), ("", None), ("many", None), ("0", None)])
def test_environment_sets_the_number_of_cores(
    value: str, expected: set[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    cores = available_cores.__wrapped__()  # without the cache
    assert cores in (expected or range(1, 10_000))


def test_threads_of_the_command_line_wait_asleep() -> None:
    program = "from encnet.cli import main; main(['check', 'no-such-folder']); import torch; torch.ones(9).sum()"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "OMP_DISPLAY_ENV": "true"},
        capture_output=True,
        text=True,
        check=True,
    ).stderr  # what OpenMP itself says when PyTorch loads it
    policies = [line for line in told.splitlines() if "OMP_WAIT_POLICY" in line]
    if not policies:
        pytest.skip("this OpenMP does not display its settings")
    assert all("PASSIVE" in line for line in policies)


def test_a_policy_that_is_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    share_cores()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
