"""The number of cores is that of the machine, or that of the environment variable."""

from __future__ import annotations

import pytest

from encnet.system.cores import available_cores


@pytest.mark.parametrize(("value", "expected"), [("3", {3}), ("", None), ("many", None), ("0", None)])
def test_environment_sets_the_number_of_cores(
    value: str, expected: set[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    cores = available_cores.__wrapped__()  # without the cache
    assert cores in (expected or range(1, 10_000))
