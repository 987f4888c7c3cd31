"""Winograd's convolution as a layer for prediction, and as one operation for compilers and exporters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from encnet.kernels.wide_conv import is_wide
from encnet.kernels.winograd import inverse_transform, suits, transform, winograd


@torch.library.custom_op("encnet::winograd", mutates_args=())
def convolve(features: Tensor, kernels: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """:func:`encnet.kernels.winograd.winograd` as one operation: compilers and exporters do not trace into it."""
    return winograd(features, kernels, bias, dilation)


@convolve.register_fake
def _shape(features: Tensor, kernels: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    images, _, height, width = features.shape
    return features.new_empty(images, height, width, kernels.shape[2]).permute(0, 3, 1, 2)


class WinogradConv(nn.Module):
    """A convolution by :func:`encnet.kernels.winograd.winograd`, for prediction: it has no derivative.

    Args:
        conv: the convolution that it replaces.
        transformed: store the transformed kernels, which take four times the memory, instead of the kernels. If False,
            the kernels are transformed in each forward pass: exported files stay smaller this way, and an engine
            transforms the kernels once, when it reads the file.

    Shapes:
        those of ``conv``.
    """

    def __init__(self, conv: nn.Conv2d, transformed: bool) -> None:
        super().__init__()
        self.transformed: bool = transformed
        weight = conv.weight.detach()
        self.weight: Tensor
        self.register_buffer("weight", transform(weight.double()).to(weight.dtype) if transformed else weight)
        self.bias: Tensor | None = conv.bias
        self.dilation: int = conv.dilation[0]

    def forward(self, input: Tensor) -> Tensor:
        kernels = self.weight if self.transformed else transform(self.weight)
        if torch.compiler.is_compiling():  # or exporting
            return convolve(input, kernels, self.bias, self.dilation)
        return winograd(input, kernels, self.bias, self.dilation)  # a custom operation would import the compiler

    def plain(self) -> nn.Conv2d:
        """Returns the plain convolution; if the kernels were stored transformed, its weight is equal up to rounding."""
        weight = self.weight
        if self.transformed:
            weight = inverse_transform(weight.double()).to(weight.dtype)
        out_channels, in_channels = weight.shape[:2]
        conv = nn.Conv2d(
            in_channels,
            out_channels,
            3,
            padding=self.dilation,
            dilation=self.dilation,
            bias=self.bias is not None,
            device="meta",  # draws no weights
        )
        conv.weight, conv.bias = nn.Parameter(weight, requires_grad=False), self.bias
        return conv


def is_for_winograd(conv: nn.Conv2d) -> bool:
    """Returns True if :class:`WinogradConv` can replace a convolution and is faster."""
    return is_wide(conv) and suits(conv.weight.shape)
