"""Recomputed stages keep fewer tensors and change nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from encnet.checkpoint.create import create_model
from encnet.kernels.recompute import RecomputedStage
from encnet.system.errors import InputError


@pytest.mark.parametrize(
    ("variant", "stages", "options"),
    [
        pytest.param("encnet_resnet18", 1, {}, marks=pytest.mark.slow),
        ("encnet_resnet18", 2, {}),
        pytest.param("encnet_resnet18", 4, {}, marks=pytest.mark.slow),
        pytest.param("encnet_lite0", 1, {}, marks=pytest.mark.slow),
        ("encnet_lite0", 4, {}),
        pytest.param("encnet_lite0", 4, {"backbone": "efficientnet_lite0"}, marks=pytest.mark.slow),
        ("encnet_lite0", 3, {"backbone": "efficientnet_b0"}),
        ("encnet_lite0", 4, {"backbone": "mobilenetv3_small_050"}),
    ],
    ids=lambda value: str(value),
)
def test_values_gradients_and_statistics_stay(variant: str, stages: int, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    plain = create_model(variant, 3, dropout=0.0, **options).double()
    recomputed = create_model(variant, 3, dropout=0.0, recompute_stages=stages, **options).double()
    recomputed.load_state_dict(plain.state_dict())
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for model in (plain, recomputed):
        for _ in range(2):  # two steps show whether a step updates the running statistics twice
            model.train()(images).logits.square().mean().backward()
    for (name, expected), parameter in zip(plain.named_parameters(), recomputed.parameters(), strict=True):
        if expected.grad is not None:  # the loss of this test leaves some branches out
            torch.testing.assert_close(parameter.grad, expected.grad, msg=lambda text, name=name: f"{name}: {text}")
    for (name, expected), buffer in zip(plain.named_buffers(), recomputed.buffers(), strict=True):
        torch.testing.assert_close(buffer, expected, msg=lambda text, name=name: f"{name}: {text}")
    with torch.no_grad():
        torch.testing.assert_close(recomputed.eval()(images).logits, plain.eval()(images).logits)


def test_an_efficientnet_is_recomputed_from_its_first_block_to_its_last() -> None:
    def recomputed(stages: int) -> list[bool]:
        model: Any = create_model("encnet_lite0", 3, recompute_stages=stages)
        return [isinstance(group, RecomputedStage) for group in model.backbone.network.blocks]

    # Groups 2, 3, 5 and 7 of its seven groups are the last at strides 4, 8, 16 and 32 of the published network.
    assert [sum(recomputed(stages)) for stages in range(5)] == [0, 2, 3, 5, 7]
    assert recomputed(2) == [True] * 3 + [False] * 4


@pytest.mark.parametrize(("variant", "stages", "share"), [("encnet_resnet18", 2, 0.8), ("encnet_lite0", 2, 0.6)])
def test_recomputed_network_keeps_fewer_bytes(variant: str, stages: int, share: float) -> None:
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
        ({"recompute_stages": 5}, "recompute_stages is 5; it must be a whole number from 0 to 4"),
        (
            {"recompute_stages": 1, "backbone": "regnety_002"},
            "'regnety_002' is not a ResNet, EfficientNet or MobileNet V3 of timm; leave out recompute_stages",
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
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        create_model("encnet_resnet18", 3, **options)
    assert error.value.argument == "recompute_stages"
