"""The whole demo, short, and its report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from listing import visible

from encnet.data.scenes import write_scenes
from encnet.demo.run import run_demo
from encnet.training.config import TrainConfig
from encnet.training.recipes import load_recipe


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six training scenes and one epoch instead of the full demo."""

    def few_scenes(root: Path, **arguments: object) -> Path:
        return write_scenes(root, train=6, val=2, test=2)

    def one_epoch(name: str, **changes: object) -> TrainConfig:
        changes = {"epochs": 1, "validate_every": 1, "accelerator": "cpu", **changes}
        return load_recipe(name, **{**changes, "data": {"workers": 0, "batch_size": 3}})

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("encnet.demo.run.write_scenes", few_scenes)
    monkeypatch.setattr("encnet.demo.run.load_recipe", one_epoch)


def test_the_demo_writes_a_report_that_needs_no_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    assert set(visible(tmp_path / "demo")) == {
        "scenes", "train", "evaluation", "predictions", "report.html",
    }  # fmt: skip
    assert run_demo(tmp_path / "demo") == report  # a second time replaces the first
