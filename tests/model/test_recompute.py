"""Recomputed stages change nothing but what is kept."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from encnet.errors import InputError
from encnet.model.variants import create_model


@pytest.mark.parametrize("stages", [1, 2, 4])
def test_values_derivatives_and_statistics_stay(stages: int) -> None:
    torch.manual_seed(0)
    plain = create_model("encnet_resnet18", 3, dropout=0.0).double()
    again = create_model("encnet_resnet18", 3, dropout=0.0, recompute_stages=stages).double()
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


def test_less_is_kept() -> None:
    def kept(stages: int) -> int:
        storages: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        model = create_model("encnet_resnet18", 3, recompute_stages=stages).train()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            output = model(torch.randn(1, 3, 128, 128))
        assert output.logits.requires_grad
        return sum(storages.values()) - sum(p.untyped_storage().nbytes() for p in model.parameters())

    assert kept(2) < 0.8 * kept(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recompute_stages": 5}, "recompute_stages is 5; it must be from 0 to 4"),
        ({"recompute_stages": 1, "backbone": "mobilenetv3_small_050"}, "no ResNet of timm's"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        create_model("encnet_resnet18", 3, **options)
