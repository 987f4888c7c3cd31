"""The report of a training run, and the log in it."""

from __future__ import annotations

import re
from pathlib import Path

from encnet.data.formats import read_dataset
from encnet.evaluation import evaluate
from encnet.training.report import read_history, report_run


def test_the_report_has_the_scores_of_the_best_model_and_loads_nothing(
    run: Path,
) -> None:
    html = report_run(run).read_text(encoding="utf-8")
    dataset = re.search(r"^dataset: (.*)$", (run / "config.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    assert dataset is not None
    scores = evaluate(run / "best.safetensors", read_dataset(dataset[1]), progress=False, workers=0).scores
    assert f"{100 * scores.mean_iou:.1f} %" in html
    assert "Every image has ground, square: whether their presence is right" in html  # which their dashes stand for
    assert html.count("<img") == 2 + 3 * 3  # curves, confusion; three examples of three pictures
    assert re.findall(r'(?:src|href)="(?!data:)', html) == []


def test_the_history_has_losses_and_scores_by_step_over_all_interruptions(tmp_path: Path) -> None:
    (tmp_path / "version_0").mkdir()
    (tmp_path / "version_1").mkdir()
    head = "epoch,step,train/pixel_loss,val/mean_iou,speed/images_per_second,memory/peak_megabytes\n"
    (tmp_path / "version_1/metrics.csv").write_text(head + "1,20,0.5,,31.0,900\n1,29,,0.75,,\n")
    (tmp_path / "version_0/metrics.csv").write_text(head + "0,10,1.5,,30.0,800\n")
    assert read_history(tmp_path) == [
        {"step": 10, "train/pixel_loss": 1.5},
        {"step": 20, "train/pixel_loss": 0.5},
        {"step": 29, "val/mean_iou": 0.75},
    ]
    assert read_history(tmp_path / "nowhere") == []
