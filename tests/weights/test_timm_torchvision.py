"""ResNets of other libraries as first weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
import torchvision

from encnet.errors import InputError
from encnet.model.variants import create_model
from encnet.weights.convert import convert_file
from encnet.weights.resnet import resnet_name


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("resnet18", "resnet18"),
        ("resnet34", "resnet34"),
        ("resnet50", "resnet50"),
        ("resnet101", "resnet101"),
        ("resnet152", "resnet152"),
        ("resnet50c", "resnet50c"),
        ("resnet101s", "resnet101s"),
        ("resnet50d", None),
        ("resnet26", None),
        ("resnext50_32x4d", None),
        ("wide_resnet50_2", None),
        ("mobilenetv3_small_050", None),
    ],
)
def test_resnets_are_known_by_names_and_shapes(name: str, found: str | None) -> None:
    with torch.device("meta"):
        state = timm.create_model(name).state_dict()
    assert resnet_name(state) == found
    assert resnet_name({f"backbone.{key}": tensor for key, tensor in state.items()}, "backbone.") == found


def test_torchvisions_file_becomes_first_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = torchvision.models.resnet18(weights=None).state_dict()
    # as the published files from before PyTorch 0.4.1 are
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "resnet18-5c106cde.pth")
    converted = convert_file(tmp_path / "resnet18-5c106cde.pth", tmp_path / "backbone.safetensors")
    assert converted.backbone == "resnet18"
    network = create_model("encnet_resnet18", 3, pretrained=tmp_path / "backbone.safetensors").backbone.network
    found = network.state_dict()
    assert len(found) > 100
    assert all(torch.equal(found[name], state[name]) for name in found)


def test_a_resnet_that_lacks_tensors_is_refused(tmp_path: Path) -> None:
    state = timm.create_model("resnet18").state_dict()
    del state["layer3.1.bn2.running_mean"]
    state["layer3.1.bn2.scale"] = torch.ones(256)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"2 tensors are left over, missing .* layer3\.1\.bn2\.scale \(256,\)"):
        convert_file(tmp_path / "w.pth", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
