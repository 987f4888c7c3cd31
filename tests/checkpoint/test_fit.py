"""A file whose tensors are not those of its network is refused before memory is taken; weights must be finite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from encnet.checkpoint.encnet import EncNet
from encnet.checkpoint.fit import network_tensors
from encnet.checkpoint.format import TensorType
from encnet.model.variants import variant_options
from encnet.system.errors import InputError


def with_options(saved: Path, **changes: Any) -> Path:
    """Writes the file again with other options, and the same tensors."""
    with safe_open(saved, "pt") as file:
        metadata = dict(file.metadata())
    info = json.loads(metadata["info"])
    info["options"] |= changes
    save_file(load_file(saved), saved, {**metadata, "info": json.dumps(info)})
    return saved


@pytest.mark.parametrize("variant", ["encnet_tiny", "encnet_lite0", "encnet_resnet18", "encnet_jpu_resnet50"])
def test_the_tensors_of_a_network_are_known_without_building_it(variant: str) -> None:
    options = variant_options(variant)
    built = {name: TensorType.of(tensor) for name, tensor in EncNet.from_options(options, 5).state_dict().items()}
    assert network_tensors("x", options, 5) == built


@pytest.mark.parametrize(
    "changes",
    [
        {"head_channels": 65536, "num_codes": 65536, "aux_channels": 65536},  # 700 GB
        {"backbone_options": {"channels": [65536] * 4, "stem_width": 65536}},
        {"backbone": "resnet152", "backbone_options": None},
        {"num_classes": 65535},
        {"head": "fullres", "lateral": False, "stage3_se": False},
    ],
)
def test_a_network_of_other_sizes_is_refused_and_never_built(saved: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(
        InputError, match=r"does not fit the encnet_tiny that it names: .* type: [0-9]+ tensors"
    ) as error:
        EncNet.from_file(with_options(saved, **changes))
    assert len(str(error.value)) < 700


@pytest.mark.parametrize("name", ["checkpoint_path", "pretrained", "act_layer", "norm_layer", "block_args"])
def test_a_file_cannot_hand_names_to_the_constructor_of_its_backbone(saved: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"backbone_options has '{name}'"):
        EncNet.from_file(with_options(saved, backbone_options={name: "os.system"}))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("head.classifier.weight", float("nan"), "values that are not finite"),
        ("head.classifier.bias", float("inf"), "values that are not finite"),
        ("backbone.network.bn1.running_var", -1.0, "negative variances"),
    ],
)
def test_weights_that_are_not_finite_are_refused_at_save_and_at_load(
    saved: Path, name: str, value: float, message: str
) -> None:
    model = EncNet.from_file(saved)
    with torch.no_grad():
        model.state_dict()[name].view(-1)[0] = value
    target = saved.with_name("new.safetensors")
    with pytest.raises(InputError, match=f"new.safetensors is not written: the tensor {name} has {message}"):
        model.save(target)
    assert not target.exists()
    with safe_open(saved, "pt") as file:
        metadata = file.metadata()
    save_file({key: tensor.contiguous() for key, tensor in model.state_dict().items()}, target, metadata)
    with pytest.raises(InputError, match=f"new.safetensors: the tensor {name} has {message}"):
        EncNet.from_file(target)


def test_weights_that_give_scores_that_are_not_finite_are_refused(saved: Path) -> None:
    with safe_open(saved, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(saved)
    for name in ("backbone.network.bn1.weight", "head.classifier.weight", "head.classifier.bias"):
        tensors[name].fill_(3e38)
    save_file(tensors, saved, metadata)
    with pytest.raises(InputError, match="class scores are not finite"):
        EncNet.from_file(saved)


def test_metadata_out_of_range_are_refused_at_save(saved: Path) -> None:
    model = EncNet.from_file(saved)
    model.info.long_side = -1
    with pytest.raises(InputError, match=r"is not written: model\.info\.long_side is -1"):
        model.save(saved.with_name("new.safetensors"))
