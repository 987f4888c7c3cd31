"""Recognition of ResNets in state dicts."""

from __future__ import annotations

import pytest
import timm
import torch

from encnet.weights.resnet import resnet_name


@pytest.mark.parametrize(
    ("name", "expected"),
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
def test_resnets_are_recognised_by_names_and_shapes(name: str, expected: str | None) -> None:
    with torch.device("meta"):
        state = timm.create_model(name).state_dict()
    assert resnet_name(state) == expected
    assert resnet_name({f"backbone.{key}": tensor for key, tensor in state.items()}, "backbone.") == expected
