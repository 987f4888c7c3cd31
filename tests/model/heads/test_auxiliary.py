"""The branches on stage 3: shapes and gradients."""

from __future__ import annotations

import torch
from torch import nn

from encnet.model.heads.auxiliary import FCNHead, PresenceHead


def all_parameters_have_gradients(module: nn.Module) -> bool:
    return all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in module.parameters())


def test_fcn_head_keeps_the_size_and_trains() -> None:
    torch.manual_seed(0)
    head = FCNHead(6, 8, 3, dropout=0.0)
    logits = head(torch.randn(2, 6, 5, 7))
    assert logits.shape == (2, 3, 5, 7)
    logits.square().sum().backward()
    assert all_parameters_have_gradients(head)


def test_presence_head_sees_the_whole_image_and_trains() -> None:
    torch.manual_seed(0)
    head = PresenceHead(6, 8, 3, num_codes=4)
    features = torch.randn(2, 6, 5, 7, requires_grad=True)
    presence = head(features)
    assert presence.shape == (2, 3)
    presence.square().sum().backward()
    assert all_parameters_have_gradients(head)
    assert features.grad is not None and bool(features.grad.abs().sum(dim=1).all())
