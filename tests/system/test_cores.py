"""The number of cores is that of the machine, or that of the environment variable."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from encnet.system.cores import available_cores


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

    def policy(**more: str) -> str:
        """What OpenMP itself says when PyTorch loads it."""
        told = subprocess.run(
            [sys.executable, "-c", program],
            env={**environment, "OMP_DISPLAY_ENV": "true", **more},
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        return next((line for line in told.splitlines() if "OMP_WAIT_POLICY" in line), "")

    if not policy():
        pytest.skip("this OpenMP does not display its settings")
    assert "PASSIVE" in policy()
    assert "ACTIVE" in policy(OMP_WAIT_POLICY="ACTIVE")
