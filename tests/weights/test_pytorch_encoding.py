"""PyTorch-Encoding's files, and those of the port that has nearly the same names and squares the smoothing factor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import encnet
from encnet.errors import InputError
from encnet.model.encnet import EncNet
from encnet.weights.convert import convert_file
from encnet.weights.sources import Answers

AsPE = Callable[[EncNet], dict[str, Tensor]]


@pytest.mark.parametrize(
    ("variant", "classes", "options"),
    [
        ("encnet_resnet50s", 150, {"lateral": False}),
        ("encnet_resnet101s", 59, {"lateral": True, "head_channels": 64}),
    ],
)
def test_files_come_back_bit_for_bit(
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


def test_wrappers_and_the_backbones_classifier_are_left_out(
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


def squared(state: dict[str, Tensor], aux: bool) -> dict[str, Tensor]:
    """The names of awesome-semantic-segmentation-pytorch."""
    renamed = {name.replace("auxlayer.conv5.", "auxlayer.block."): tensor for name, tensor in state.items()}
    renamed["pretrained.fc.weight"] = torch.zeros(1000, 512)
    return renamed if aux else {name: value for name, value in renamed.items() if not name.startswith("auxlayer.")}


def refused(state: dict[str, Tensor], folder: Path, match: str, **answers: Any) -> None:
    torch.save(state, folder / "theirs.pth")
    with pytest.raises(InputError, match=match):
        convert_file(folder / "theirs.pth", folder / "ours.safetensors", Answers(**answers))
    assert [file.name for file in folder.iterdir()] == ["theirs.pth"]


def test_the_port_that_squares_the_factor_is_refused(
    small: Callable[..., EncNet], as_pytorch_encoding: AsPE, tmp_path: Path
) -> None:
    state = as_pytorch_encoding(small())
    refused(squared(state, aux=True), tmp_path, "squares the smoothing factor")
    refused(squared(state, aux=True), tmp_path, "squares the smoothing factor", source="pytorch-encoding")
    refused(squared(state, aux=False), tmp_path, r"theirs\.pth can be of .* pass --source pytorch-encoding")
    convert_file(tmp_path / "theirs.pth", tmp_path / "ours.safetensors", Answers(source="pytorch-encoding"))
    assert encnet.load(tmp_path / "ours.safetensors").aux_head is None


def test_positive_scales_are_refused(small: Callable[..., EncNet], as_pytorch_encoding: AsPE, tmp_path: Path) -> None:
    state = as_pytorch_encoding(small(num_codes=8, align_corners=True))
    scale = state["head.encmodule.encoding.3.scale"]
    scale[:5] = 0.5
    refused(state, tmp_path, "positive scale for 5 of 8 codewords")
    scale[:4] = -0.5
    torch.save(state, tmp_path / "theirs.pth")
    convert_file(tmp_path / "theirs.pth", tmp_path / "ours.safetensors")


def test_other_backbones_are_refused(small: Callable[..., EncNet], as_pytorch_encoding: AsPE, tmp_path: Path) -> None:
    state = as_pytorch_encoding(small())
    state["pretrained.layer1.0.conv2.weight"] = torch.zeros(128, 4, 3, 3)  # grouped, as in a ResNeXt
    refused(state, tmp_path, "a backbone that is not read")
