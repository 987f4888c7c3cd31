"""The report of an evaluation: JSON, table and page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from encnet.data.palette import distinct_palette
from encnet.evaluation.examples import Example
from encnet.evaluation.image_scores import ImageScore
from encnet.evaluation.report import EvaluationReport, scores_table
from encnet.inference.protocols.protocol import Protocol
from encnet.inference.segmentation import Segmentation
from encnet.metrics.presence import presence_scores
from encnet.metrics.scores import Scores

NAMES = ("sky", "<road>", "never")


@pytest.fixture
def report() -> EvaluationReport:
    """A report on five random images with three classes."""
    random = np.random.default_rng(0)
    confusion = random.integers(1, 100, (3, 3))
    confusion[2] = confusion[:, 2] = 0
    pairs, presences = [], []
    for i in range(5):
        labels = random.integers(0, 2, (12, 16), dtype=np.uint8)
        presence = random.random(3).astype(np.float32)
        image = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        segmentation = Segmentation(labels, presence, NAMES, distinct_palette(3), image, Path(f"photo{i}.jpg"))
        score = ImageScore(f"val/photo{i}.jpg", float(random.random()), 0.5, segmentation.disagreement())
        pairs.append((score, Example(segmentation, labels)))
        presences.append(presence)
    there = torch.tensor([[True, True, False]] * 4 + [[True, False, False]])
    return EvaluationReport(
        scores=Scores(NAMES, confusion, presence_scores(torch.from_numpy(np.stack(presences)), there)),
        variant="encnet_tiny",
        checkpoint=None,
        dataset="photos",
        split="val",
        images=5,
        protocol=Protocol(),
        engine="pytorch",
        device="cpu",
        precision="fp32",
        seconds=2.0,
        per_image=tuple(score for score, _ in pairs),
        worst=tuple(sorted(pairs, key=lambda pair: pair[0].mean_iou)[:2]),
    )


def without_presence(report: EvaluationReport) -> EvaluationReport:
    """The report of a model that does not predict presence."""
    return replace(
        report,
        scores=replace(report.scores, presence=None),
        per_image=tuple(replace(score, disagreement=None) for score in report.per_image),
        worst=tuple(
            (replace(score, disagreement=None), Example(replace(example.segmentation, presence=None), example.truth))
            for score, example in report.worst
        ),
    )


def test_a_saved_report_holds_the_scores(report: EvaluationReport, tmp_path: Path) -> None:
    files = report.save(tmp_path / "new")
    names = ["json", "txt", "html"]
    assert [path.name for path in files] == [f"evaluation.{name}" for name in names] + [
        "confusion.png",
        "calibration.png",
        "disagreement.png",
    ]
    assert json.loads(files[0].read_text(encoding="utf-8")) == report.to_dict()
    text = files[1].read_text(encoding="utf-8")
    for name, iou in zip(NAMES, report.scores.iou, strict=True):
        row = next(line for line in text.splitlines() if f" {name} " in line)
        assert ("–" if np.isnan(iou) else f"{100 * iou:.2f}") in row
    for part, value in (("left out", report.scores.mean_iou), ("as 0", report.scores.mean_iou_absent_zero)):
        assert any(part in line and f"{100 * value:.2f}" in line for line in text.splitlines())
    assert "Spearman" in text
    for path in files[3:]:
        with Image.open(path) as picture:
            assert picture.format == "PNG"


def test_the_json_has_the_ranking_by_disagreement_and_the_calibration(report: EvaluationReport) -> None:
    saved: dict[str, Any] = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    scores = {image["file"]: image["disagreement"] for image in saved["per_image"]}
    assert saved["ranking"]["files"] == sorted(scores, key=lambda file: -scores[file])
    assert saved["ranking"]["images"] == 5
    assert set(saved["presence_calibration"]["by_class"]) == set(NAMES)
    assert saved["scores"]["presence_calibration_error"]["sky"] == pytest.approx(
        report.scores.presence.calibration.error[0] if report.scores.presence else None
    )


def test_the_page_loads_nothing_and_describes_its_pictures(report: EvaluationReport, tmp_path: Path) -> None:
    html = report.save(tmp_path)[2].read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!data:)', html) == []
    assert html.count("<img") == 3 + 3 * 2  # confusion, calibration, disagreement; two examples of three pictures
    assert len(re.findall(r'<img[^>]* alt="[^"]{10,}"', html)) == html.count("<img")
    assert "<road>" not in html
    assert "&lt;road&gt;" in html
    for score, _ in report.worst:
        assert f"mean IoU {100 * score.mean_iou:.1f} %" in html
    ranked = re.findall(r'<th scope="row">(val/[^<]*)', html)
    assert ranked == report.to_dict()["ranking"]["files"]


def test_a_report_without_presence_leaves_out_its_parts(report: EvaluationReport, tmp_path: Path) -> None:
    plain = without_presence(report)
    files = plain.save(tmp_path)
    assert [path.name for path in files][3:] == ["confusion.png"]
    saved = plain.to_dict()
    assert saved["ranking"] is None
    assert saved["presence_calibration"] is None
    assert [column.header for column in plain.table().columns] == ["class", "IoU", "accuracy", "precision", "Dice"]
    html = files[2].read_text(encoding="utf-8")
    assert html.count("<img") == 1 + 3 * 2
    assert "presence" not in re.sub("<[^>]*>", "", html.split("</style>")[1]).lower()


def test_the_protocol_decides_whether_mean_iou_counts_absent_classes(report: EvaluationReport) -> None:
    zero = replace(report, protocol=Protocol(absent_classes="zero"))
    assert report.mean_iou == report.scores.mean_iou
    assert zero.mean_iou == report.scores.mean_iou_absent_zero
    assert scores_table(report.scores, "title").title == "title"
