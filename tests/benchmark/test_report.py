"""The recommendation follows from the measured speeds and mean IoUs."""

from __future__ import annotations

import pytest
from rich.console import Console

from encnet.benchmark.forms import LeftOut
from encnet.benchmark.report import BenchmarkReport, Measured, recommend


def measured(name: str, seconds: float, mean_iou: float | None = None) -> Measured:
    precision = name.rpartition(" ")[2]
    return Measured(name, "pytorch", precision, "cpu", 2, (9.0, seconds, 0.1), 10.0, 500.0, mean_iou)


def test_speed_is_that_of_the_median_run() -> None:
    form = measured("PyTorch fp32", 0.5)
    assert form.median_seconds == 0.5
    assert form.images_per_second == 4


@pytest.mark.parametrize(
    ("forms", "best"),
    [
        ([("PyTorch fp32", 1, 0.7), ("OpenVINO int8", 0.25, 0.691)], "OpenVINO int8"),
        ([("PyTorch fp32", 1, 0.7), ("OpenVINO int8", 0.25, 0.69)], "OpenVINO int8"),  # one point is allowed
        ([("PyTorch fp32", 1, 0.7), ("OpenVINO int8", 0.25, 0.689), ("ONNX Runtime fp32", 0.5, 0.7)], "ONNX Runtime"),
        ([("PyTorch fp32", 1, 0.7), ("OpenVINO int8", 0.25, None)], "PyTorch fp32"),
        ([("PyTorch fp32", 1, 0.7), ("OpenVINO int8", 2, 0.8)], "PyTorch fp32"),
    ],
)
def test_the_fastest_form_within_one_point_is_recommended(
    forms: list[tuple[str, float, float | None]], best: str
) -> None:
    sentence = recommend([measured(*form) for form in forms])
    assert sentence.startswith(f"Take {best}")
    assert sentence.endswith(".") and "mean IoU" in sentence


def test_the_recommendation_has_its_figures() -> None:
    sentence = recommend([measured("PyTorch fp32", 1, 0.7), measured("OpenVINO int8", 0.25, 0.695)])
    assert "8.00 images/s, 4.00 times as fast as PyTorch fp32" in sentence
    assert "mean IoU 69.50 % against 70.00 %" in sentence


def test_without_mean_iou_the_fastest_form_in_fp32_is_recommended_and_faster_ones_are_named() -> None:
    forms = [measured("PyTorch fp32", 1), measured("PyTorch bf16", 0.3), measured("OpenVINO fp32", 0.5)]
    sentence = recommend(forms)
    assert sentence.startswith("Take OpenVINO fp32")
    assert "PyTorch bf16 is faster" in sentence and "data set" in sentence
    assert "faster," not in recommend([forms[0], forms[2]])


def test_the_table_has_a_row_per_form_in_80_columns() -> None:
    forms = (measured("PyTorch fp32", 1, 0.7), measured("ONNX Runtime fp32", 0.5))
    left_out = (LeftOut("OpenVINO fp32", "not installed"),)
    report = BenchmarkReport("x", "encnet_tiny", (64, 96), 2, 3, "scenes val, 2 images", {}, forms, left_out)
    console = Console(width=80, record=True)
    console.print(report.table())
    lines = [line for line in console.export_text().splitlines() if "fp32" in line and "│" in line]
    assert [line.split("│")[1].strip() for line in lines] == ["PyTorch fp32", "ONNX Runtime fp32"]
    assert [cell.strip() for cell in lines[0].split("│")[2:-1]] == [
        "1000.0", "2.00", "1.00", "10", "500", "70.00"
    ]  # fmt: skip
