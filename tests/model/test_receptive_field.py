"""How far the convolutions of the compact network see: what the claim about far-away context rests on."""

from __future__ import annotations

import torch

from encnet.data.scenes import CONTEXT_DISTANCE
from encnet.model.variants import create_model


def test_the_tiny_fcn_sees_about_as_far_as_the_landmark_is_away() -> None:
    torch.manual_seed(0)
    model = create_model("encnet_tiny", 5, context=False, aux=False).double().eval()
    for module in model.modules():  # residual branches start at zero, which would hide what they see
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    images = torch.randn(1, 3, 32, 480, dtype=torch.float64, requires_grad=True)
    reach = 0
    for column in range(240, 248):  # all places within a feature's stride of 8
        (gradient,) = torch.autograd.grad(model(images).logits[0, :, 16, column].sum(), images)
        seen = gradient.abs().sum(dim=(0, 1, 2)).nonzero()
        reach = max(reach, column - int(seen.min()), int(seen.max()) - column)
    # The outermost pixels count only through the corners of every kernel, one after the other.
    assert 100 < reach <= CONTEXT_DISTANCE + 4
