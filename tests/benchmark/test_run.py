"""A benchmark measures every form, names what it leaves out, and scores as an evaluation does."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import encnet
from encnet.benchmark import plan
from encnet.benchmark.forms import Form
from encnet.benchmark.report import BenchmarkReport
from encnet.benchmark.run import benchmark_model
from encnet.data.formats import read_dataset
from encnet.system.errors import InputError
from encnet.training.precision import cpu_computes_bf16


@pytest.fixture(scope="module")
def report(checkpoint: Path, scenes: Path) -> BenchmarkReport:
    return benchmark_model(checkpoint, scenes, size=(64, 96), repeats=1, device="cpu", limit=2, progress=False)


@pytest.mark.slow
def test_every_form_is_measured(report: BenchmarkReport) -> None:
    native = cpu_computes_bf16()
    expected = ["PyTorch fp32", *(["PyTorch bf16"] if native else []), "ONNX Runtime fp32", "OpenVINO fp32"]
    expected += ["OpenVINO bf16"] if native else []
    names = [form.name for form in report.forms]
    measured_or_named = {*names, *(name for entry in report.left_out for name in entry.name.split(", "))}
    assert names[: len(expected)] == expected
    assert "OpenVINO int8" in measured_or_named  # the ranges of an untrained network may be too coarse
    for form in report.forms:
        assert len(form.seconds) == 1
        assert form.images_per_second == pytest.approx(1 / form.seconds[0])
        assert form.added_megabytes is not None and form.peak_megabytes is not None
        assert 0 < form.added_megabytes < form.peak_megabytes
        assert form.mean_iou is not None and 0 < form.mean_iou < 1


@pytest.mark.slow
def test_the_mean_iou_is_that_of_an_evaluation(report: BenchmarkReport, checkpoint: Path, scenes: Path) -> None:
    evaluation = encnet.evaluate(checkpoint, read_dataset(scenes), device="cpu", limit=2, workers=0, progress=False)
    assert report.forms[0].name == "PyTorch fp32"
    assert report.forms[0].mean_iou == evaluation.mean_iou
    assert report.data == "scenes val, 2 images"


@pytest.mark.slow
def test_the_report_is_saved_as_json(report: BenchmarkReport, tmp_path: Path) -> None:
    path = report.save(tmp_path / "out")
    content = json.loads(path.read_text(encoding="utf-8"))
    assert path.name == "benchmark.json"
    assert content["size"] == [64, 96]
    assert [form["name"] for form in content["forms"]] == [form.name for form in report.forms]
    assert content["recommendation"] == report.recommendation
    assert content["machine"]["processor"]


@pytest.fixture
def without_export_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = ("onnx", "onnxscript", "onnxruntime", "openvino")
    monkeypatch.setattr("encnet.export.run.find_spec", lambda name: None if name in missing else find_spec(name))


@pytest.mark.usefixtures("without_export_libraries")
@pytest.mark.slow
def test_missing_libraries_are_named_with_what_to_install(checkpoint: Path) -> None:
    report = benchmark_model(checkpoint, repeats=1, device="cpu", progress=False)
    assert {form.engine for form in report.forms} == {"pytorch"}
    reasons = {entry.name: entry.reason for entry in report.left_out}
    assert "onnxruntime" in reasons["ONNX Runtime fp32"]
    assert "pip install 'encnet[onnx]'" in reasons["ONNX Runtime fp32"]
    openvino = next(reason for name, reason in reasons.items() if name.startswith("OpenVINO fp32"))
    assert "pip install 'encnet[openvino]'" in openvino
    assert reasons["OpenVINO int8"] == "its ranges come from photographs; give a data set"
    assert report.size == (64, 96)  # the training crop
    assert report.data is None and report.forms[0].mean_iou is None


@pytest.mark.usefixtures("without_export_libraries")
def test_a_form_that_fails_is_left_out_with_the_reason(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(form: Form, *arguments: Any) -> Any:
        if form.engine == "compile":
            raise RuntimeError("no compiler\nat all")
        return measured(form, *arguments)

    measured = Form.memory
    monkeypatch.setattr(Form, "memory", failing)
    monkeypatch.setattr(plan, "cpu_computes_bf16", lambda: False)
    report = benchmark_model(checkpoint, repeats=1, device="cpu", compiled=True, progress=False)
    assert "PyTorch fp32" in [form.name for form in report.forms]
    reasons = [entry.reason for entry in report.left_out if entry.name.startswith("torch.compile fp32")]
    assert reasons == ["RuntimeError: no compiler"]


def test_a_model_that_does_not_run_is_one_sentence(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(form: Form, *arguments: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("encnet.benchmark.run.write_file", lambda *arguments: None)
    monkeypatch.setattr(Form, "memory", failing)
    with pytest.raises(InputError, match=r"the model does not run in PyTorch fp32 \(MemoryError\)"):
        benchmark_model(checkpoint, repeats=1, device="cpu", progress=False)


def test_wrong_arguments_are_one_sentence(checkpoint: Path, scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="repeats is 0; it must be at least 1"):
        benchmark_model(checkpoint, repeats=0)
    with pytest.raises(InputError, match="batch is 0"):
        benchmark_model(checkpoint, batch=0)
    with pytest.raises(InputError, match="batch is 1000000000; it must be from 1 to 4096"):
        benchmark_model(checkpoint, batch=10**9)
    with pytest.raises(InputError, match="limit is 0"):
        benchmark_model(checkpoint, scenes, limit=0)
    with pytest.raises(InputError, match=r"size is \(8, 64\)"):
        benchmark_model(checkpoint, size=(8, 64))
    with pytest.raises(InputError, match=r"model\.onnx is an exported model; give the checkpoint"):
        benchmark_model("model.onnx")
    with pytest.raises(InputError, match="no split 'dev'"):
        benchmark_model(checkpoint, scenes, split="dev")
    with pytest.raises(InputError, match="the device 'abacus'"):
        benchmark_model(checkpoint, device="abacus")
    other = tmp_path / "other.safetensors"
    encnet.create_model("encnet_tiny", num_classes=2).save(other)
    with pytest.raises(InputError, match="the model has 2 classes"):
        benchmark_model(other, scenes)


def test_a_batch_that_memory_does_not_hold_is_refused_without_a_size_too(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("encnet.inference.image_memory.free_memory", lambda: 10**9)
    # The training crop is 64 x 96; 0.9 GB at 250 bytes per pixel are 585 such images.
    with pytest.raises(InputError, match=r"batch asks for 4096 images of 64 x 96 pixels.*; 585 of them would fit"):
        benchmark_model(checkpoint, batch=4096, device="cpu", progress=False)
