"""Files of version 0.1 load, networks compute what they computed, and first weights are drawn as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filled import fill, images
from safetensors.torch import load_file

import encnet
from encnet.inference.engines import open_engine

FOLDER = Path(__file__).parents[1] / "fixtures/version_0_1"
RECORDS = load_file(FOLDER / "logits.safetensors")
SMALL: dict[str, Any] = {
    "backbone_options": {"channels": [8, 8, 16, 16], "stem_width": 8},
    "head_channels": 16,
    "aux_channels": 8,
    "num_codes": 4,
}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "tiny": ("encnet_tiny", SMALL),
    "tiny_fullres": ("encnet_tiny", {**SMALL, "head": "fullres", "presence_loss": "mse", "aux": False}),
    "tiny_jpu": (
        "encnet_tiny",
        {**SMALL, "jpu": True, "output_stride": 32, "conv_in_kernel": 1, "align_corners": True},
    ),
    "tiny_detail": (
        "encnet_tiny",
        {**SMALL, "lateral": True, "detail_channels": (8, 8), "stage3_se": True, "recompute_stages": 2},
    ),
    "tiny_fcn": ("encnet_tiny", {**SMALL, "context": False}),
    "whole_tiny": ("encnet_tiny", {}),
    "lite0": ("encnet_lite0", {}),
    "resnet18": ("encnet_resnet18", {}),
}
SAVED = [name for name in NETWORKS if name.startswith("tiny")]


def assert_as_recorded(name: str, model: encnet.EncNet) -> None:
    """All outputs are those of version 0.1, up to what another processor rounds otherwise."""
    with torch.inference_mode():
        output = model(images(), auxiliary=True, full_size=False)
    recorded = {key.partition(".")[2]: value for key, value in RECORDS.items() if key.startswith(f"{name}.")}
    del recorded["initial_sum"]
    returned = {field: value for field, value in output._asdict().items() if value is not None}
    assert returned.keys() == recorded.keys()
    for field, expected in recorded.items():
        torch.testing.assert_close(returned[field], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_starts_and_computes_as_before(name: str) -> None:
    variant, options = NETWORKS[name]
    torch.manual_seed(0)
    model = encnet.create_model(variant, 5, **options)
    drawn = torch.stack([tensor.double().sum() for tensor in model.state_dict().values()]).sum()
    torch.testing.assert_close(drawn.reshape(1), RECORDS[f"{name}.initial_sum"], rtol=1e-9, atol=0)
    fill(model)
    assert_as_recorded(name, model.eval())


@pytest.mark.parametrize("name", SAVED)
def test_a_checkpoint_loads_and_is_saved_again(name: str, tmp_path: Path) -> None:
    model = encnet.load(FOLDER / f"{name}.safetensors")
    assert model.info.classes == ["sky", "road", "tree", "car", "person"]
    assert model.info.options["head"] == ("fullres" if name == "tiny_fullres" else "enc")
    assert_as_recorded(name, model)
    model.save(tmp_path / "again.safetensors")
    again = encnet.load(tmp_path / "again.safetensors")
    assert again.info == model.info
    assert_as_recorded(name, again)


@pytest.mark.parametrize("name", ["tiny", "tiny_fullres"])
def test_an_onnx_file_runs_and_agrees_with_its_checkpoint(name: str) -> None:
    pytest.importorskip("onnxruntime")
    photographs = np.random.default_rng(3).integers(0, 256, (1, 45, 61, 3), dtype=np.uint8)
    exported = open_engine(FOLDER / f"{name}.onnx")(photographs)
    expected = open_engine(FOLDER / f"{name}.safetensors")(photographs)
    np.testing.assert_allclose(exported.logits, np.asarray(expected.logits), rtol=1e-3, atol=1e-4)
    assert exported.presence is not None and expected.presence is not None
    np.testing.assert_allclose(exported.presence, np.asarray(expected.presence), rtol=1e-3, atol=1e-5)
