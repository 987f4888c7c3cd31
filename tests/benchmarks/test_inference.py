"""The inference benchmark: all engines predict the same, and the report follows from the measured seconds."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import peak
from benchmarks.comparison import Form, PreparedForm
from benchmarks.document import page_of
from benchmarks.inference import benchmark_inference, engine_forms, export_all
from benchmarks.networks import forward_gigaflop
from benchmarks.peak import Gemm
from encnet.system.errors import InputError

SHAPE = (2, 64, 96)


def predicted(form: Form) -> tuple[np.ndarray, np.ndarray | None]:
    assert isinstance(form, PreparedForm)
    prediction: Any = form.prepare(SHAPE)()
    return prediction


@pytest.mark.slow
def test_engines_predict_the_same(tmp_path: Path) -> None:
    engines = ["pytorch", "openvino"]  # ONNX Runtime's file is written and run in tests/export
    export_all("encnet_tiny", 5, engines, tmp_path)
    forms = {form.name: form for form in engine_forms("encnet_tiny", 5, engines, tmp_path)}
    assert {"encnet_tiny, PyTorch", "encnet_tiny, OpenVINO", "encnet_tiny, OpenVINO int8"} <= set(forms)
    expected, _ = predicted(forms["encnet_tiny, PyTorch"])
    for form in forms.values():
        labels, presence = predicted(form)
        assert labels.shape == SHAPE
        assert (labels == expected).mean() > {"fp32": 0.999, "bf16": 0.8, "int8": 0.5}[form.precision]
        assert presence is not None and presence.shape == (SHAPE[0], 5)


@pytest.mark.slow
def test_benchmark_writes_what_it_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peak, "FLOP_OF_A_RUN", 1e7)
    path = benchmark_inference(
        tmp_path, "encnet_tiny", 5, (64, 96), 2, 2, ["pytorch"], ["plain"], kernels=[Gemm(128, 128, 128)]
    )
    report = json.loads(path.read_text())
    assert path.name == "inference_encnet_tiny.json"
    assert report["rival"] == "plain form"
    rows = {row["name"]: row for row in report["forms"]}
    assert {"encnet_tiny, PyTorch", "plain form"} <= set(rows)
    best = report["peak"]["fp32"]["gflop_per_second"]
    for row in rows.values():
        assert len(row["seconds"]) == 2
        assert row["median_seconds"] == pytest.approx(statistics.median(row["seconds"]))
        assert row["images_per_second"] == pytest.approx(2 / row["median_seconds"])
        assert row["times_faster"] == pytest.approx(rows["plain form"]["median_seconds"] / row["median_seconds"])
        assert row["gigaflop"] == pytest.approx(forward_gigaflop("encnet_tiny", 5, SHAPE))
        assert row["gflop_per_second"] == pytest.approx(row["gigaflop"] / row["median_seconds"])
        if row["precision"] == "fp32":
            assert row["share_of_peak"] == pytest.approx(row["gflop_per_second"] / best)
        assert 0 < row["added_megabytes"] < row["peak_megabytes"]
    assert "GFLOP/s" in capsys.readouterr().out
    with Image.open(path.with_suffix(".png")) as picture:
        assert min(picture.size) > 150
    page = page_of(tmp_path, "performance")
    assert "## Prediction, encnet_tiny at 64x96" in page
    assert f"| encnet_tiny, PyTorch | {1000 * rows['encnet_tiny, PyTorch']['median_seconds']:.1f} ms |" in page


def test_wrong_arguments_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no engine 'tensorrt'"):
        benchmark_inference(tmp_path, engines=["tensorrt"])
    with pytest.raises(InputError, match="repeats is 0"):
        benchmark_inference(tmp_path, repeats=0)
    with pytest.raises(InputError, match="height is 8"):
        benchmark_inference(tmp_path, size=(8, 64))
    with pytest.raises(InputError, match="no variant 'encnet_huge'"):
        benchmark_inference(tmp_path, "encnet_huge", engines=["pytorch"], rivals=[])
    with pytest.raises(InputError, match="no rival 'PaddleSeg' in this run; choose one of: encnet_tiny, PyTorch"):
        benchmark_inference(tmp_path, "encnet_tiny", engines=["pytorch"], rivals=[], rival="PaddleSeg")
    with pytest.raises(InputError, match="cannot be started"):
        benchmark_inference(tmp_path, "encnet_tiny", rivals=[], peer_python=str(tmp_path / "python"))
    assert not list(tmp_path.iterdir())
