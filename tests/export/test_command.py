"""The command `encnet export`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from listing import visible

from encnet.cli import main


@pytest.mark.slow
def test_export_to_int8_measures_the_loss_of_accuracy(
    trained: Path, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["--format", "openvino", "--precision", "int8", "--calibration", str(scenes), "--limit", "2"]
    assert main(["export", str(trained), *arguments, "--calibration_images", "4"]) == 0
    printed = capfd.readouterr().out
    lines = [line for line in printed.splitlines() if "on 2 images of " in line and "mean IoU" in line]
    assert [line.split(" on ")[0] for line in lines] == ["the checkpoint", "exported (int8)"]
    assert all("presence F1" in line for line in lines)
    assert "wrote model.xml" in printed
    assert "nncf" not in printed.lower()  # the progress of the library goes to standard error
    assert visible(tmp_path) == ["model.bin", "model.xml", "model.xml.parity.json"]
    comparisons = json.loads((tmp_path / "model.xml.parity.json").read_text())["comparisons"]
    on_photographs = [comparison["labels"] for comparison in comparisons if comparison["images"] == "calibration"]
    assert len(on_photographs) == 4
    assert min(on_photographs) > 0.9


@pytest.mark.slow
def test_an_exported_model_predicts_a_folder_of_photographs(trained: Path, scenes: Path, tmp_path: Path) -> None:
    photographs, out = str(scenes / "images/val"), str(tmp_path / "model.onnx")
    assert main(["export", str(trained), "--out", out, "--calibration", photographs, "--labels", "true"]) == 0
    assert main(["predict", out, photographs, "--out", str(tmp_path / "predictions")]) == 0
    assert len(list((tmp_path / "predictions").glob("*_overlay.png"))) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "CHECKPOINT"], "give --format, one of onnx, openvino, torch, or --out"),
        (["export", "CHECKPOINT", "--format", "tflite"], "tflite"),
        (["export", "CHECKPOINT", "--out", "model.xml", "--precision", "int8"], "or a data set (--calibration)"),
        (["export", "nothing.safetensors", "--out", "model.onnx"], "there is no checkpoint nothing.safetensors"),
        (
            ["export", "CHECKPOINT", "--out", "model.onnx", "--limit", "0"],
            "--limit has no effect without --calibration",
        ),
        (["export", "CHECKPOINT", "--out", "model.onnx", "--size", "[9,9]"], "size is (9, 9); it must be"),
    ],
)
def test_wrong_arguments_are_one_sentence_and_leave_no_files(
    arguments: list[str],
    message: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([part.replace("CHECKPOINT", str(trained)) for part in arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert message in error[-1]
    assert error[-1].startswith("encnet: ")
    assert list(tmp_path.iterdir()) == []


def test_it_is_said_as_what_the_data_set_of_the_calibration_was_read(
    trained: Path, scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--out", str(tmp_path / "model.onnx"), "--calibration", str(scenes), "--size", "[9,9]"]
    assert main(["export", str(trained), *arguments]) == 2  # because of the size
    assert capsys.readouterr().out.startswith(f"{scenes}: read as a folder of your own, because dataset.yaml")
