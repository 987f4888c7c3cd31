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


def test_threads_of_the_command_line_do_not_wait_awake() -> None:
    program = "from encnet.cli import main; main(['check', 'no-such-folder']); import torch; torch.ones(9).sum()"
    own = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    ).stderr  # what OpenMP itself says when PyTorch loads it
    counts = [line for line in told.splitlines() if "GOMP_SPINCOUNT" in line]
    if not counts:
        pytest.skip("this is not GNU's OpenMP")
    assert all("'10000'" in line for line in counts)


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    share_cores()
    assert "GOMP_SPINCOUNT" not in os.environ
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    share_cores()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
