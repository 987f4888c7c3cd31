"""Refusal of networks that assign pixels to far codewords."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.system.errors import InputError
from encnet.weights.convert import convert_file
from encnet.weights.sources import Answers

AsPE = Callable[[EncNet], dict[str, Tensor]]


def squared(state: dict[str, Tensor], aux: bool) -> dict[str, Tensor]:
    """The state dict with the names of awesome-semantic-segmentation-pytorch, with or without auxiliary head."""
    renamed = {name.replace("auxlayer.conv5.", "auxlayer.block."): tensor for name, tensor in state.items()}
    renamed["pretrained.fc.weight"] = torch.zeros(1000, 512)
    return renamed if aux else {name: value for name, value in renamed.items() if not name.startswith("auxlayer.")}


def assert_refused(state: dict[str, Tensor], folder: Path, match: str, **answers: Any) -> None:
    """Asserts that the conversion fails with this message and writes nothing."""
    torch.save(state, folder / "theirs.pth")
    with pytest.raises(InputError, match=match):
        convert_file(folder / "theirs.pth", folder / "ours.safetensors", Answers(**answers))
    assert [file.name for file in folder.iterdir()] == ["theirs.pth"]


def test_the_port_that_squares_the_smoothing_factor_is_refused(
    small: Callable[..., EncNet], as_pytorch_encoding: AsPE, tmp_path: Path
) -> None:
    state = as_pytorch_encoding(small())
    assert_refused(squared(state, aux=True), tmp_path, "squares the smoothing factor")
    assert_refused(squared(state, aux=True), tmp_path, "squares the smoothing factor", source="pytorch-encoding")
    assert_refused(
        squared(state, aux=False), tmp_path, r"theirs\.pth may come from .* give the source 'pytorch-encoding'"
    )
    convert_file(tmp_path / "theirs.pth", tmp_path / "ours.safetensors", Answers(source="pytorch-encoding"))
    assert encnet.load(tmp_path / "ours.safetensors").aux_head is None


def test_a_network_with_mostly_positive_scales_is_refused(
    small: Callable[..., EncNet], as_pytorch_encoding: AsPE, tmp_path: Path
) -> None:
    state = as_pytorch_encoding(small(num_codes=8, align_corners=True))
    scale = state["head.encmodule.encoding.3.scale"]
    scale[:5] = 0.5
    assert_refused(state, tmp_path, "positive scale for 5 of 8 codewords")
    scale[:4] = -0.5
    torch.save(state, tmp_path / "theirs.pth")
    convert_file(tmp_path / "theirs.pth", tmp_path / "ours.safetensors")
