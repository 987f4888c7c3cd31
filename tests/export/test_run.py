"""From a model to a checked file, or to nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encnet.errors import InputError
from encnet.export import Exported, export_model, run
from encnet.export.parity import photograph_like, scores
from encnet.export.wrapper import ExportWrapper
from encnet.inference.engines import open_engine
from encnet.model.encnet import EncNet


@pytest.fixture(scope="module")
def model(network: Callable[..., EncNet]) -> EncNet:
    return network("encnet_tiny")


@pytest.mark.parametrize("name", ["model.xml", "model.pt2"])
def test_what_is_written_says_what_the_model_says(model: EncNet, tmp_path: Path, name: str) -> None:
    model.save(tmp_path / "model.safetensors")
    exported = export_model(tmp_path / "model.safetensors", tmp_path / "out" / name)
    assert exported.files[0] == tmp_path / "out" / name
    written = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert written == sorted({name, "model.parity.json"} | ({"model.bin"} if name == "model.xml" else set()))
    assert sorted(file.name for file in exported.files) == written
    report = json.loads((tmp_path / "out/model.parity.json").read_text())
    assert report == exported.parity.to_dict()
    assert len(report["comparisons"]) == 3
    says_the_same(tmp_path / "out" / name, model)


def test_onnx_says_what_the_model_says(exported_onnx: tuple[EncNet, Exported]) -> None:
    model, exported = exported_onnx
    says_the_same(exported.files[0], model)


def says_the_same(path: Path, model: EncNet) -> None:
    engine = open_engine(path)
    assert engine.description.names == tuple(model.info.classes)
    assert engine.description.info == model.info
    images = photograph_like(np.random.default_rng(9), 90, 50)[None]
    expected, presence = scores(model, images)
    found = engine(images)
    assert np.abs(np.asarray(found.logits) - expected).max() < 1e-3 * np.ptp(expected)
    assert found.presence is not None and presence is not None
    np.testing.assert_allclose(np.asarray(found.presence), presence, atol=1e-3)


def test_half_precision_is_a_file_that_was_compared_in_it(model: EncNet, tmp_path: Path) -> None:
    exported = export_model(model, tmp_path / "model.pt2", precision="bf16")
    assert exported.parity.precision == "bf16"
    assert open_engine(tmp_path / "model.pt2").description.precision == "bf16"
    assert max(comparison.logits for comparison in exported.parity.comparisons) > 1e-4  # it did run in bf16


class Choosy(torch.nn.Module):
    """Takes rows apart, in a way that fits one number of them."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.cat([row * (index % 3) for index, row in enumerate(features.split(1, dim=2))], dim=2)


def test_one_size_only(network: Callable[..., EncNet], tmp_path: Path) -> None:
    model = network("encnet_tiny").train()
    assert isinstance(model.head.conv_in, torch.nn.Sequential)
    model.head.conv_in.append(Choosy())
    with pytest.raises(InputError, match=r"fails with images of \d+ x \d+ .* --size \[360,480\]"):
        export_model(model, tmp_path / "model.pt2")
    assert list(tmp_path.iterdir()) == []
    exported = export_model(model, tmp_path / "model.pt2", size=(40, 56))
    assert model.training
    assert {(each.height, each.width) for each in exported.parity.comparisons} == {(40, 56)}
    assert open_engine(tmp_path / "model.pt2")(np.zeros((2, 40, 56, 3), np.uint8)).logits.shape == (2, 5, 5, 7)


def test_a_model_that_disagrees_is_not_written(model: EncNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(ExportWrapper):
        def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
            outputs = super().forward(images)
            return {**outputs, "logits": outputs["logits"].flip(-1)}

    (tmp_path / "model.pt2").write_text("of an earlier export")
    monkeypatch.setattr(run, "ExportWrapper", Wrong)
    with pytest.raises(InputError, match=r"model.pt2 is not written.*class scores differ by 0\.\d+ of their spread"):
        export_model(model, tmp_path / "model.pt2")
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt2"]
    assert (tmp_path / "model.pt2").read_text() == "of an earlier export"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("model.tflite", {}, "does not say the format; give --format, or an output that ends in .onnx"),
        ("model.onnx", {"format": "openvino"}, "does not end as a file of the format openvino does, in .xml"),
        ("model.onnx", {"format": "tflite"}, "no export format 'tflite'"),
        ("model.onnx", {"precision": "bf16"}, "cannot be exported in 'bf16'; choose one of fp32"),
        ("model.xml", {"precision": "int8"}, "needs photographs"),
        ("model.xml", {"size": (8, 480)}, "size is [8, 480]"),
        ("model.pt2", {"calibration": ["nothing.jpg"]}, "there is no file nothing.jpg"),
    ],
)
def test_says_what_is_wrong(model: EncNet, tmp_path: Path, name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        export_model(model, tmp_path / name, **options)
    assert message in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_says_which_library_is_missing(model: EncNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_spec", lambda library: None if library == "onnxscript" else object())
    with pytest.raises(InputError, match=r"package onnxscript; install .* pip install 'encnet\[onnx\]'"):
        export_model(model, tmp_path / "model.onnx")


def test_says_where_it_cannot_write(model: EncNet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        export_model(model, tmp_path / "file" / "model.onnx")
