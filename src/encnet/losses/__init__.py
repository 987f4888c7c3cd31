"""The losses by name. A new loss is a file here and an entry in :data:`LOSSES`."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from encnet.losses.encnet_loss import EncNetLoss
from encnet.losses.loss import Loss
from encnet.losses.options import LossOptions
from encnet.model.network import Network
from encnet.system.checks import require

LOSSES: dict[str, Callable[[LossOptions, Network, Tensor | None], Loss]] = {"encnet": EncNetLoss.from_options}
"""Value of the option ``loss.name`` -> builder: (options, network, weight of each class or None) -> loss."""


def build_loss(options: LossOptions, network: Network, class_weights: Tensor | None = None) -> Loss:
    """Builds the loss that the options name.

    Args:
        options: settings of the loss.
        network: the network to be trained.
        class_weights: (classes,), weight of each class; None weighs all classes equally.

    Raises:
        InputError: the loss does not exist, or a setting does not fit it.
    """
    require(options.name in LOSSES, "loss.name", repr(options.name), f"one of {', '.join(LOSSES)}")
    return LOSSES[options.name](options, network, class_weights)
