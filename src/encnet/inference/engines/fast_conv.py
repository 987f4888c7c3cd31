"""Convolutions of a network that is only run, in faster forms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from encnet.inference.engines.folding import is_hooked
from encnet.model.blocks import DilatedDepthwise
from encnet.model.wide_conv import WideConv, is_wide
from encnet.model.winograd import suits, transform, winograd


@torch.library.custom_op("encnet::winograd", mutates_args=())
def convolve(features: Tensor, kernels: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """:func:`encnet.model.winograd.winograd` as one operation: compilers and exporters do not look inside."""
    return winograd(features, kernels, bias, dilation)


@convolve.register_fake
def _shape(features: Tensor, kernels: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    images, _, height, width = features.shape
    return features.new_empty(images, height, width, kernels.shape[2]).permute(0, 3, 1, 2)


class WinogradConv(nn.Module):
    """A convolution by :func:`encnet.model.winograd.winograd`.

    Args:
        conv: what it stands for.
        transformed: keep the transformed kernels, which take four times the memory of the others, instead of these.
            Without, they are transformed each time: in an exported graph, whose file they would make larger, and which
            an engine transforms once when it reads it.

    Shapes:
        as those of ``conv``.
    """

    def __init__(self, conv: nn.Conv2d, transformed: bool) -> None:
        super().__init__()
        self.transformed = transformed
        weight = conv.weight.detach()
        self.weight: Tensor
        self.register_buffer("weight", transform(weight.double()).to(weight.dtype) if transformed else weight)
        self.bias = conv.bias
        self.dilation = conv.dilation[0]

    def forward(self, input: Tensor) -> Tensor:
        kernels = self.weight if self.transformed else transform(self.weight)
        return convolve(input, kernels, self.bias, self.dilation)


def use_winograd(network: nn.Module, transformed: bool = True) -> None:
    """Puts a :class:`WinogradConv` in the place of each convolution for which that is faster, in place.

    Args:
        network: on the CPU, in float32 or float64, with batch norms folded.
        transformed: see :class:`WinogradConv`.
    """
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d) and _can_be_winograd(module):
            network.set_submodule(name, WinogradConv(module, transformed))


def _can_be_winograd(conv: nn.Conv2d) -> bool:
    unchanged = type(conv) in (nn.Conv2d, WideConv) and not is_hooked(conv)
    return unchanged and is_wide(conv) and suits(conv.weight.shape)


class SubGridConv(DilatedDepthwise):
    """A dilated depthwise convolution that always goes by sub-grids."""

    def forward(self, input: Tensor) -> Tensor:
        return self.by_sub_grids(input)


WIDEST = 4
"""Zeros to a side up to which oneDNN has a fast kernel for depthwise convolutions. (Measured: 8 ms with 4, 274 with 8,
and then 14 by sub-grids, for 3x3, 1536 channels, 64 x 64.)"""


def use_sub_grids(network: nn.Module) -> None:
    """Has the :class:`encnet.model.blocks.DilatedDepthwise` of a network on the CPU for which it is faster go by
    sub-grids, in place.
    """
    for module in network.modules():
        if type(module) is DilatedDepthwise and int(module.padding[0]) > WIDEST:
            module.__class__ = SubGridConv
