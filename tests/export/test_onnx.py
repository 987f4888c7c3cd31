"""ONNX files in ONNX Runtime against PyTorch, at sizes other than the traced one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from listing import visible

from encnet.checkpoint.encnet import EncNet
from encnet.export.onnx import save_onnx
from encnet.export.parity import photograph_like, scores
from encnet.export.program import trace
from encnet.export.run import Exported
from encnet.export.wrapper import ExportWrapper
from encnet.inference.engines import Description
from encnet.model.variants import list_models

SMALL = {"backbone": "resnet10t", "backbone_options": {"channels": [16, 16, 32, 32], "stem_width": 8}}
RESNET18 = {"backbone": "resnet18", "head_channels": 32}


def assert_agreement(model: EncNet, path: Path) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for seed, (batch, height, width) in enumerate(((1, 72, 104), (3, 61, 83), (1, 130, 47))):
        rng = np.random.default_rng(seed)
        images = np.stack([photograph_like(rng, height, width) for _ in range(batch)])
        expected, presence = scores(model, images)
        outputs = [np.asarray(output) for output in session.run(None, {"images": images})]
        exported = dict(zip(names, outputs, strict=True))
        assert np.abs(exported["logits"] - expected).max() < 1e-3 * np.ptp(expected)
        assert ("presence" in exported) == (presence is not None)
        if presence is not None:
            np.testing.assert_allclose(exported["presence"], presence, rtol=0, atol=1e-3)
        if "labels" in exported:
            full = F.interpolate(torch.from_numpy(expected), (height, width), None, "bilinear", model.align_corners)
            assert (exported["labels"] == full.argmax(dim=1).numpy()).mean() > 0.999


def test_an_exported_model_agrees_with_pytorch(exported_onnx: tuple[EncNet, Exported]) -> None:
    model, exported = exported_onnx
    assert_agreement(model, exported.files[0])


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        pytest.param("encnet_resnet50_fullres", {**SMALL, "head_channels": 16}, marks=pytest.mark.slow),
        pytest.param("encnet_tiny", {"context": False}, marks=pytest.mark.slow),
        pytest.param("encnet_tiny", {"stage3_se": True}, marks=pytest.mark.slow),
        pytest.param("encnet_jpu_resnet50", RESNET18, marks=pytest.mark.slow),
        pytest.param("encnet_resnet50_fullres", {**RESNET18, "align_corners": True}, marks=pytest.mark.slow),
        *[pytest.param(variant, {}, marks=pytest.mark.slow) for variant in list_models()],
    ],
)
def test_every_variant_agrees_with_pytorch(
    network: Callable[..., EncNet], variant: str, options: dict[str, object], tmp_path: Path
) -> None:
    model = network(variant, **options)
    save_onnx(trace(ExportWrapper(model)), tmp_path / "model.onnx", {})
    assert_agreement(model, tmp_path / "model.onnx")


def test_metadata_inputs_and_outputs_are_readable_by_other_programs(exported_onnx: tuple[EncNet, Exported]) -> None:
    expected, exported = exported_onnx
    path = exported.files[0]
    assert visible(path.parent) == [file.name for file in exported.files]  # the weights are in the file
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert Description.from_json(metadata["encnet"], path) == Description.of(expected)
    assert json.loads(metadata["classes"]) == ["sky", "road", 'ä, "b" <c>', "tree", "car"]
    assert json.loads(metadata["palette"])[3] == [250, 0, 0]
    assert json.loads(metadata["preprocessing"])["mean"] == expected.info.mean
    images = model.graph.input[0]
    dimensions = [side.dim_param or side.dim_value for side in images.type.tensor_type.shape.dim]
    assert (images.name, dimensions) == ("images", ["N", "H", "W", 3])
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [output.name for output in model.graph.output] == ["logits", "presence", "labels"]
    assert model.graph.output[2].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert b".py" not in path.read_bytes()  # no paths of source files
