"""OpenVINO files against PyTorch, at sizes other than the traced one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from encnet.checkpoint.encnet import EncNet
from encnet.export.openvino import read_onnx, save_openvino
from encnet.export.parity import photograph_like, scores
from encnet.export.run import Exported
from encnet.inference.engines.openvino_core import openvino_core


def test_the_file_agrees_with_pytorch_and_contains_the_metadata(
    exported_onnx: tuple[EncNet, Exported], tmp_path: Path
) -> None:
    model, exported = exported_onnx
    classes = '["ä", "say \\"b\\" <c>"]'
    save_openvino(read_onnx(exported.files[0]), tmp_path / "model.xml", {"classes": classes})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.bin", "model.xml"]
    core = openvino_core()
    read = core.read_model(tmp_path / "model.xml")
    assert read.get_rt_info(["classes"]).value == classes
    assert read.input(0).partial_shape.to_string() == "[?,?,?,3]"
    compiled = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for seed, (batch, height, width) in enumerate(((1, 72, 104), (3, 61, 83))):
        rng = np.random.default_rng(seed)
        images = np.stack([photograph_like(rng, height, width) for _ in range(batch)])
        expected, presence = scores(model, images)
        outputs = compiled([images])
        assert presence is not None
        assert np.abs(outputs["logits"] - expected).max() < 1e-3 * np.ptp(expected)
        np.testing.assert_allclose(outputs["presence"], presence, rtol=0, atol=1e-3)
        assert outputs["labels"].shape == (batch, height, width)
