"""Exchanges layers for forms that a CPU computes faster, and back.

A model is written with PyTorch's plain layers. :func:`accelerate` exchanges layers for forms that train faster,
:func:`accelerate_inference` for forms that predict faster, and :func:`plain` undoes both. The environment variable
``ENCNET_ACCELERATION=0`` turns all of this off: networks then stay plain.
"""

from __future__ import annotations

import os

from torch import nn

from encnet.kernels.depthwise import (
    DilatedDepthwise,
    Float32Depthwise,
    Float32DepthwiseSame,
    SubGridConv,
    is_dilated_depthwise,
    is_slow_in_half,
)
from encnet.kernels.exchange import Network, exchange, with_parameters_of
from encnet.kernels.wide_conv import WideConv, is_wide
from encnet.kernels.winograd_conv import WinogradConv, is_for_winograd
from encnet.system.timm import Conv2dSame

SWITCH = "ENCNET_ACCELERATION"
"""Environment variable: 0 turns acceleration off."""

WIDEST = 4
"""Largest padding for which oneDNN has a fast kernel for depthwise convolutions. Measured for 3x3, 1536 channels,
64 x 64: 8 ms with padding 4, 274 ms with 8, where sub-grids take 14 ms."""


def is_on() -> bool:
    """Returns False if ``ENCNET_ACCELERATION`` is 0: networks then stay plain."""
    return os.environ.get(SWITCH, "1") != "0"


def accelerate(network: Network) -> Network:
    """Exchanges convolutions for forms that train faster on a CPU and compute the same everywhere else.

    Convolutions with many channels become :class:`encnet.kernels.wide_conv.WideConv`, dilated depthwise convolutions
    :class:`encnet.kernels.depthwise.DilatedDepthwise`, strided and wide ones
    :class:`encnet.kernels.depthwise.Float32Depthwise`.

    Args:
        network: a network of plain layers, changed in place; its parameters and their names stay.

    Returns:
        The network.
    """

    def rule(layer: nn.Module) -> nn.Module | None:
        if type(layer) is nn.Conv2d and is_wide(layer):
            return with_parameters_of(layer, WideConv)
        if type(layer) is nn.Conv2d and is_dilated_depthwise(layer):
            return with_parameters_of(layer, DilatedDepthwise)
        if type(layer) is nn.Conv2d and is_slow_in_half(layer):
            return with_parameters_of(layer, Float32Depthwise)
        if isinstance(layer, nn.Conv2d) and type(layer) is Conv2dSame and is_slow_in_half(layer):
            return with_parameters_of(layer, Float32DepthwiseSame)
        return None

    return exchange(network, rule) if is_on() else network


def accelerate_inference(network: Network) -> Network:
    """Exchanges convolutions for forms that predict faster on a CPU.

    Wide 3x3 convolutions use Winograd's method (:func:`use_winograd`); dilated depthwise convolutions with a padding
    of more than :data:`WIDEST` become :class:`encnet.kernels.depthwise.SubGridConv`.

    Args:
        network: a network on the CPU, in float32 or float64, with batch norms folded; changed in place.

    Returns:
        The network.
    """

    def rule(layer: nn.Module) -> nn.Module | None:
        if not isinstance(layer, nn.Conv2d) or type(layer) not in (nn.Conv2d, DilatedDepthwise):
            return None
        far = is_dilated_depthwise(layer) and int(layer.padding[0]) > WIDEST
        return with_parameters_of(layer, SubGridConv) if far else None

    return exchange(use_winograd(network), rule) if is_on() else network


def use_winograd(network: Network, transformed: bool = True) -> Network:
    """Exchanges each convolution for a :class:`encnet.kernels.winograd_conv.WinogradConv` where that is faster.

    Args:
        network: a network on the CPU, in float32 or float64, with batch norms folded; changed in place. It can no
            longer be trained.
        transformed: whether the kernels are stored transformed; see :class:`encnet.kernels.winograd_conv.WinogradConv`.

    Returns:
        The network.
    """

    def rule(layer: nn.Module) -> nn.Module | None:
        if not isinstance(layer, nn.Conv2d) or type(layer) not in (nn.Conv2d, WideConv):
            return None
        return WinogradConv(layer, transformed) if is_for_winograd(layer) else None

    return exchange(network, rule) if is_on() else network


def plain(network: Network) -> Network:
    """Undoes :func:`accelerate` and :func:`accelerate_inference` in place, and returns the network."""

    def rule(layer: nn.Module) -> nn.Module | None:
        if isinstance(layer, Float32DepthwiseSame):
            return with_parameters_of(layer, Conv2dSame)  # pyright: ignore[reportArgumentType]  # timm's decorator
        if isinstance(layer, WideConv | DilatedDepthwise | Float32Depthwise):
            return with_parameters_of(layer)
        return layer.plain() if isinstance(layer, WinogradConv) else None

    return exchange(network, rule)
