"""Exchanges layers of a network for other layers that compute the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import nn

Network = TypeVar("Network", bound=nn.Module)

Rule = Callable[[nn.Module], nn.Module | None]
"""Layer -> its replacement, with the same parameters; None keeps the layer."""


def exchange(network: Network, rule: Rule) -> Network:
    """Replaces layers of a network by a rule.

    A layer with a forward hook stays as it is, because its hook would be lost. Rules share parameters instead of
    copying them, so an optimiser that holds them, and the names in the state dict, stay valid.

    Args:
        network: changed in place; only the layers inside it are replaced, never the network itself.
        rule: called for each layer, outer layers first.

    Returns:
        The network.
    """
    for path, layer in list(network.named_modules()):
        if path and not is_watched(layer):
            replacement = rule(layer)
            if replacement is not None:
                network.set_submodule(path, replacement.train(layer.training))
    return network


def is_watched(layer: nn.Module) -> bool:
    """Returns True if a forward hook is registered on a layer."""
    return bool(layer._forward_hooks or layer._forward_pre_hooks)


def with_parameters_of(layer: nn.Conv2d, kind: type[nn.Conv2d] = nn.Conv2d) -> nn.Conv2d:
    """Returns a convolution of class ``kind`` with the settings of another one, which shares its parameters.

    Args:
        layer: the convolution whose settings and parameters the result has.
        kind: ``nn.Conv2d``, or a class with the same constructor arguments.
    """
    conv = kind(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,  # pyright: ignore[reportArgumentType]
        layer.stride,  # pyright: ignore[reportArgumentType]
        layer.padding,  # pyright: ignore[reportArgumentType]
        layer.dilation,  # pyright: ignore[reportArgumentType]
        layer.groups,
        layer.bias is not None,
        device="meta",  # draws no weights
    )
    conv.padding_mode = layer.padding_mode  # not every class has it as an argument
    conv.weight, conv.bias = layer.weight, layer.bias
    return conv
