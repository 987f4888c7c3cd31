"""Recomputed stages change nothing but what is kept."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from encnet.errors import InputError
from encnet.model.recompute import RecomputedStage
from encnet.model.variants import create_model

INSIDE = {"feature_location": "expansion"}
"""Features from inside the last block of each group."""


@pytest.mark.parametrize(
    ("variant", "stages", "options"),
    [
        ("encnet_resnet18", 1, {}),
        ("encnet_resnet18", 2, {}),
        ("encnet_resnet18", 4, {}),
        ("encnet_lite0", 1, {}),
        ("encnet_lite0", 4, {}),
        ("encnet_lite0", 4, {"backbone": "efficientnet_lite0"}),
        ("encnet_lite0", 3, {"backbone": "efficientnet_b0"}),
        ("encnet_lite0", 4, {"backbone": "mobilenetv3_small_050"}),
    ],
    ids=lambda value: str(value),
)
def test_values_derivatives_and_statistics_stay(variant: str, stages: int, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    plain = create_model(variant, 3, dropout=0.0, **options).double()
    again = create_model(variant, 3, dropout=0.0, recompute_stages=stages, **options).double()
    again.load_state_dict(plain.state_dict())
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for model in (plain, again):
        for _ in range(2):  # running statistics would move twice a step
            model.train()(images).logits.square().mean().backward()
    for (name, expected), ours in zip(plain.named_parameters(), again.parameters(), strict=True):
        if expected.grad is not None:  # not the branches that the loss here leaves out
            torch.testing.assert_close(ours.grad, expected.grad, msg=lambda text, name=name: f"{name}: {text}")
    for (name, expected), ours in zip(plain.named_buffers(), again.buffers(), strict=True):
        torch.testing.assert_close(ours, expected, msg=lambda text, name=name: f"{name}: {text}")
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(images).logits, plain.eval()(images).logits)


def test_an_efficientnet_is_recomputed_from_its_first_block_to_its_last() -> None:
    def recomputed(stages: int) -> list[bool]:
        model: Any = create_model("encnet_lite0", 3, recompute_stages=stages)
        return [isinstance(group, RecomputedStage) for group in model.backbone.network.blocks]

    # Of its seven groups the second, third, fifth and seventh end at strides 4, 8, 16 and 32 of the published network.
    assert [sum(recomputed(stages)) for stages in range(5)] == [0, 2, 3, 5, 7]
    assert recomputed(2) == [True] * 3 + [False] * 4


@pytest.mark.parametrize(("variant", "stages", "share"), [("encnet_resnet18", 2, 0.8), ("encnet_lite0", 2, 0.6)])
def test_less_is_kept(variant: str, stages: int, share: float) -> None:
    def kept(stages: int) -> int:
        storages: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        model = create_model(variant, 3, recompute_stages=stages).train()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            output = model(torch.randn(1, 3, 128, 128))
        assert output.logits.requires_grad
        return sum(storages.values()) - sum(p.untyped_storage().nbytes() for p in model.parameters())

    assert kept(stages) < share * kept(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recompute_stages": 5}, "recompute_stages is 5; it must be from 0 to 4"),
        (
            {"recompute_stages": 1, "backbone": "regnety_002"},
            "'regnety_002' is no ResNet, EfficientNet or MobileNet V3 of timm's; leave out recompute_stages",
        ),
        (
            {
                "recompute_stages": 1,
                "backbone": "efficientnet_b0",
                "backbone_options": {"feature_location": "expansion"},
            },
            "leave out recompute_stages",
        ),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        create_model("encnet_resnet18", 3, **options)
