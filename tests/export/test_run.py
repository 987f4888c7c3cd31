"""``export_model`` writes a checked file, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from listing import visible

from encnet.checkpoint.encnet import EncNet
from encnet.export import Exported, export_model, run
from encnet.export.parity import photograph_like, scores
from encnet.export.wrapper import ExportWrapper
from encnet.inference.engines import open_engine
from encnet.system.errors import InputError
from encnet.system.files import write_text
from encnet.system.outputs import check_outputs


@pytest.fixture(scope="module")
def model(network: Callable[..., EncNet]) -> EncNet:
    return network("encnet_tiny")


@pytest.mark.parametrize("name", ["model.xml", pytest.param("model.pt2", marks=pytest.mark.slow)])
def test_the_file_agrees_with_the_model(model: EncNet, tmp_path: Path, name: str) -> None:
    model.save(tmp_path / "model.safetensors")
    exported = export_model(tmp_path / "model.safetensors", tmp_path / "out" / name)
    assert exported.files[0] == tmp_path / "out" / name
    written = visible(tmp_path / "out")
    assert written == sorted({name, f"{name}.parity.json"} | ({"model.bin"} if name == "model.xml" else set()))
    assert sorted(file.name for file in exported.files) == written
    report = json.loads((tmp_path / f"out/{name}.parity.json").read_text())
    assert report == exported.parity.to_dict()
    assert len(report["comparisons"]) == 3
    check_outputs(exported.files)  # another export may replace them
    assert_agreement(tmp_path / "out" / name, model)


def test_an_onnx_file_agrees_with_the_model(exported_onnx: tuple[EncNet, Exported]) -> None:
    model, exported = exported_onnx
    assert_agreement(exported.files[0], model)


def assert_agreement(path: Path, model: EncNet) -> None:
    engine = open_engine(path)
    assert engine.description.names == tuple(model.info.classes)
    assert engine.description.info == model.info
    images = photograph_like(np.random.default_rng(9), 90, 50)[None]
    expected, presence = scores(model, images)
    output = engine(images)
    assert np.abs(np.asarray(output.logits) - expected).max() < 1e-3 * np.ptp(expected)
    assert output.presence is not None and presence is not None
    np.testing.assert_allclose(np.asarray(output.presence), presence, atol=1e-3)


@pytest.mark.slow
def test_a_file_for_bf16_is_compared_in_bf16(model: EncNet, tmp_path: Path) -> None:
    exported = export_model(model, tmp_path / "model.pt2", precision="bf16")
    assert exported.parity.precision == "bf16"
    assert open_engine(tmp_path / "model.pt2").description.precision == "bf16"
    assert max(comparison.logits for comparison in exported.parity.comparisons) > 1e-4  # the comparison ran in bf16


class FixedHeight(torch.nn.Module):
    """A layer whose graph works for one number of rows only."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.cat([row * (index % 3) for index, row in enumerate(features.split(1, dim=2))], dim=2)


@pytest.mark.slow
def test_a_network_for_one_size_is_exported_for_that_size(network: Callable[..., EncNet], tmp_path: Path) -> None:
    model = network("encnet_tiny").train()
    assert isinstance(model.head.conv_in, torch.nn.Sequential)
    model.head.conv_in.append(FixedHeight())
    with pytest.raises(InputError, match=r"fails with images of \d+ x \d+ .* one size, \(360, 480\)") as caught:
        export_model(model, tmp_path / "model.pt2")
    assert caught.value.argument == "size"
    assert list(tmp_path.iterdir()) == []
    exported = export_model(model, tmp_path / "model.pt2", size=(40, 56))
    assert model.training
    assert {(each.height, each.width) for each in exported.parity.comparisons} == {(40, 56)}
    assert open_engine(tmp_path / "model.pt2")(np.zeros((2, 40, 56, 3), np.uint8)).logits.shape == (2, 5, 5, 7)


def test_a_model_that_differs_is_not_written(model: EncNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(ExportWrapper):
        def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
            outputs = super().forward(images)
            return {**outputs, "logits": outputs["logits"].flip(-1)}

    write_text(tmp_path / "model.pt2", "of an earlier export")
    monkeypatch.setattr(run, "ExportWrapper", Wrong)
    with pytest.raises(InputError, match=r"model.pt2 is not written.*class scores differ by 0\.\d+ of their spread"):
        export_model(model, tmp_path / "model.pt2")
    assert visible(tmp_path) == ["model.pt2"]
    assert (tmp_path / "model.pt2").read_text() == "of an earlier export"


@pytest.mark.parametrize(
    ("name", "options", "message", "argument"),
    [
        ("model.tflite", {}, "has no suffix of a format; give the format, or a file that ends in .onnx", "format"),
        ("model.onnx", {"format": "openvino"}, "does not end in .xml, as files of the format openvino do", "out"),
        ("model.onnx", {"format": "tflite"}, "no export format 'tflite'", "format"),
        ("model.onnx", {"precision": "bf16"}, "does not support 'bf16'; choose fp32", "precision"),
        ("model.xml", {"precision": "int8"}, "int8 needs images", "calibration"),
        ("model.xml", {"size": (8, 480)}, "size is (8, 480)", "size"),
        ("model.pt2", {"calibration": ["nothing.jpg"]}, "there is no file nothing.jpg", None),
    ],
)
def test_arguments_that_do_not_fit_are_named(
    model: EncNet, tmp_path: Path, name: str, options: dict[str, Any], message: str, argument: str | None
) -> None:
    with pytest.raises(InputError) as caught:
        export_model(model, tmp_path / name, **options)
    assert message in str(caught.value)
    assert caught.value.argument == argument
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_named(model: EncNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_spec", lambda library: None if library == "onnxscript" else object())
    with pytest.raises(InputError, match=r"package onnxscript; install .* pip install 'encnet\[onnx\]'"):
        export_model(model, tmp_path / "model.onnx")


def test_an_output_that_cannot_be_written_is_an_error(model: EncNet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        export_model(model, tmp_path / "file" / "model.onnx")
