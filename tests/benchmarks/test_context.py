"""The benchmark of context, short: a repeated call trains nothing again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.context import NETWORKS, benchmark_context
from encnet.data.scenes import write_scenes
from encnet.system.errors import InputError
from encnet.training.config import TrainConfig
from encnet.training.recipes import load_recipe


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six training scenes and one epoch instead of the full benchmark."""

    def few_scenes(root: Path, **arguments: object) -> Path:
        return write_scenes(root, train=6, val=2, test=2)

    def one_epoch(name: str, **changes: object) -> TrainConfig:
        changes = {"epochs": 1, "validate_every": 1, "accelerator": "cpu", **changes}
        return load_recipe(name, **{**changes, "data": {"workers": 0, "batch_size": 3}})

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("benchmarks.context.write_scenes", few_scenes)
    monkeypatch.setattr("benchmarks.context.load_recipe", one_epoch)


@pytest.mark.slow
def test_finished_trainings_are_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = benchmark_context(tmp_path, seeds=1, epochs=1)
    first = json.loads(path.read_text())
    assert set(first["results"]) == set(NETWORKS)
    assert all(0 <= value <= 100 for runs in first["results"].values() for run in runs for value in run.values())
    monkeypatch.setattr("benchmarks.context.train", lambda *_, **__: pytest.fail("trained again"))
    assert json.loads(benchmark_context(tmp_path, seeds=1, epochs=1).read_text()) == first
    with pytest.raises(InputError, match="was trained for 1 epochs, not 2"):
        benchmark_context(tmp_path, seeds=1, epochs=2)
