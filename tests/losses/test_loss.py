"""The interface of losses, for every loss by name."""

from __future__ import annotations

import pytest
import torch

from encnet.losses import LOSSES, build_loss
from encnet.losses.loss import Loss, LossTerms
from encnet.losses.options import LossOptions
from encnet.model.network import Network
from encnet.model.variants import variant_options
from encnet.system.errors import InputError


def small_network() -> Network:
    torch.manual_seed(0)
    return Network.from_options(variant_options("encnet_tiny", head_channels=8, num_codes=4), 3)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("class_weights", [None, torch.tensor([0.5, 1.0, 2.0])])
def test_loss_returns_terms_whose_total_has_a_gradient(name: str, class_weights: torch.Tensor | None) -> None:
    network = small_network()
    loss = build_loss(LossOptions(name=name), network, class_weights)
    assert isinstance(loss, Loss)
    assert (loss.class_weights is None) == (class_weights is None)
    output = network(torch.randn(2, 3, 40, 56), full_size=False)
    terms = loss(output, torch.randint(0, 3, (2, 40, 56)).masked_fill(torch.rand(2, 40, 56) < 0.1, 255))
    assert isinstance(terms, LossTerms)
    assert all(term.shape == () and bool(term.isfinite()) for term in terms)
    terms.total.backward()
    assert all(parameter.grad is not None for parameter in network.head.classifier.parameters())


def test_unknown_loss_is_refused_with_the_list_of_losses() -> None:
    with pytest.raises(InputError, match=f"loss.name is 'hinge'; it must be one of {', '.join(LOSSES)}") as error:
        build_loss(LossOptions(name="hinge"), small_network())
    assert error.value.argument == "loss.name"
