"""PyTorch-Encoding's files: files in its layout, written here from our networks, convert back exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.system.errors import InputError
from encnet.weights.convert import convert_file

AsPE = Callable[[EncNet], dict[str, Tensor]]


@pytest.mark.parametrize(
    ("variant", "classes", "options"),
    [
        ("encnet_resnet50s", 150, {"lateral": False}),
        pytest.param("encnet_resnet101s", 59, {"lateral": True, "head_channels": 64}, marks=pytest.mark.slow),
    ],
)
def test_a_round_trip_is_bitwise_exact(
    variant: str,
    classes: int,
    options: dict[str, Any],
    randomised: Callable[..., EncNet],
    as_pytorch_encoding: AsPE,
    assert_same: Callable[[EncNet, EncNet], None],
    tmp_path: Path,
) -> None:
    model = randomised(variant, classes, **options, align_corners=True)
    state = as_pytorch_encoding(model)
    assert state["pretrained.conv1.0.weight"].shape == (64, 3, 3, 3)
    assert state["head.conv5.0.weight"].shape == (options.get("head_channels", 512), 2048, 3, 3)
    assert state["head.encmodule.encoding.4.weight"].shape == (32,)
    torch.save({"epoch": 119, "state_dict": state, "best_pred": np.float64(0.5)}, tmp_path / "model_best.pth.tar")
    convert_file(tmp_path / "model_best.pth.tar", tmp_path / "ours.safetensors")
    again = encnet.load(tmp_path / "ours.safetensors")
    assert_same(model, again)
    assert again.info.options == model.info.options
    assert again.info.variant == variant
    assert again.info.mean == [0.485, 0.456, 0.406]


def test_prefixes_of_wrappers_and_the_classifier_of_the_backbone_are_removed(
    small: Callable[..., EncNet],
    as_pytorch_encoding: AsPE,
    assert_same: Callable[[EncNet, EncNet], None],
    tmp_path: Path,
) -> None:
    model = small(align_corners=True)
    state = as_pytorch_encoding(model) | {"pretrained.fc.weight": torch.zeros(1000, 512)}
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "theirs.pth")
    convert_file(tmp_path / "theirs.pth", tmp_path / "ours.safetensors")
    assert_same(model, encnet.load(tmp_path / "ours.safetensors"))


def test_unsupported_backbones_are_refused(
    small: Callable[..., EncNet], as_pytorch_encoding: AsPE, tmp_path: Path
) -> None:
    state = as_pytorch_encoding(small())
    state["pretrained.layer1.0.conv2.weight"] = torch.zeros(128, 4, 3, 3)  # grouped, as in a ResNeXt
    torch.save(state, tmp_path / "theirs.pth")
    with pytest.raises(InputError, match="a backbone that is not supported"):
        convert_file(tmp_path / "theirs.pth", tmp_path / "ours.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["theirs.pth"]
