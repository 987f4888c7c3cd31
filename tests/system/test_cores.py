"""The number of cores is the machine's, or what the environment says."""

from __future__ import annotations

import pytest

from encnet.system.cores import available_cores


@pytest.mark.parametrize(("said", "expected"), [("3", {3}), ("", None), ("many", None), ("0", None)])
def test_threads_follow_the_environment(said: str, expected: set[int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    cores = available_cores.__wrapped__()  # as a process finds it that asks for the first time
    assert cores in (expected or range(1, 10_000))
