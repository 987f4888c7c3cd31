"""The training log in the report of a run; test_run.py writes a whole report."""

from __future__ import annotations

from pathlib import Path

from encnet.demo.report import read_history


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
