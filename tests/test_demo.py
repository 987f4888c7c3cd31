"""The demo and the benchmark of context, whole but short, and the report that they write."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from encnet.benchmark.context import NETWORKS, benchmark_context
from encnet.data.scenes import write_scenes
from encnet.demo import run_demo
from encnet.errors import InputError
from encnet.training.config import TrainConfig
from encnet.training.recipes import load_recipe


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six scenes and one epoch; everything else is as in the real thing."""

    def few_scenes(root: Path, **arguments: object) -> Path:
        return write_scenes(root, train=6, val=2, test=2)

    def one_epoch(name: str, **changes: object) -> TrainConfig:
        changes = {"epochs": 1, "validate_every": 1, "accelerator": "cpu", **changes}
        return load_recipe(name, **{**changes, "data": {"workers": 0, "batch_size": 3}})

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for module in ("encnet.demo", "encnet.benchmark.context"):
        monkeypatch.setattr(f"{module}.write_scenes", few_scenes)
        monkeypatch.setattr(f"{module}.load_recipe", one_epoch)


def test_demo_ends_in_a_report_that_needs_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run_demo(tmp_path / "demo")
    html = report.read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!data:)', html) == []
    assert html.count("<img") == 2 + 3 * 2  # curves, confusion matrix; two test scenes, three pictures each
    assert html.count("alt=") == html.count("<img")
    for word in ("lighthouse", "hay bale", "Confusion matrix", "presence average precision"):
        assert word in html
    out = capsys.readouterr().out
    assert str(report) in out.replace("\n", "")
    assert "encnet train" in out
    assert {file.name for file in (tmp_path / "demo").iterdir()} == {
        "scenes", "train", "evaluation", "predictions", "report.html",
    }  # fmt: skip
    assert run_demo(tmp_path / "demo") == report  # a second time replaces the first


def test_context_benchmark_repeats_nothing_that_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = benchmark_context(tmp_path, seeds=1, epochs=1)
    first = json.loads(path.read_text())
    assert set(first["results"]) == set(NETWORKS)
    assert all(0 <= value <= 100 for runs in first["results"].values() for run in runs for value in run.values())
    monkeypatch.setattr("encnet.benchmark.context.train", lambda *_, **__: pytest.fail("trained again"))
    assert json.loads(benchmark_context(tmp_path, seeds=1, epochs=1).read_text()) == first
    with pytest.raises(InputError, match="was trained for 1 epochs, not 2"):
        benchmark_context(tmp_path, seeds=1, epochs=2)
