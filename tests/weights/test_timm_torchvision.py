"""ResNets of other libraries as initial weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
import torchvision

from encnet.checkpoint.create import create_model
from encnet.system.errors import InputError
from encnet.weights.convert import convert_file


def test_a_file_of_torchvision_becomes_initial_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = torchvision.models.resnet18(weights=None).state_dict()
    # The published files are from before PyTorch 0.4.1, which had no such tensors.
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "resnet18-5c106cde.pth")
    converted = convert_file(tmp_path / "resnet18-5c106cde.pth", tmp_path / "backbone.safetensors")
    assert converted.backbone == "resnet18"
    network = create_model("encnet_resnet18", 3, pretrained=tmp_path / "backbone.safetensors").backbone.get_submodule(
        "network"
    )
    loaded = network.state_dict()
    assert len(loaded) > 100
    assert all(torch.equal(loaded[name], state[name]) for name in loaded)


def test_a_resnet_with_missing_tensors_is_refused(tmp_path: Path) -> None:
    state = timm.create_model("resnet18").state_dict()
    del state["layer3.1.bn2.running_mean"]
    state["layer3.1.bn2.scale"] = torch.ones(256)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(
        InputError,
        match=r"left over, missing or of another shape: 2 tensors, the first one layer3\.1\.bn2\.scale \(256,\)",
    ):
        convert_file(tmp_path / "w.pth", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
