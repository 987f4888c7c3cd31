"""A convolution of many channels that CPUs train fast."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

from encnet.model.winograd import WORTH, convolve, derivative_of_features, derivative_of_weight, suits


class WideConv(nn.Conv2d):
    """A convolution that keeps the size, and trains several times faster on CPUs, with equal values.

    A 3x3 kernel of many channels goes by Winograd's method, in a quarter of the multiplications, forward and for both
    derivatives; values are then equal up to some 10⁻⁵ of their spread (:mod:`encnet.model.winograd`).

    With other kernels the derivative of the weight at one place is a matrix product, of the output's derivative and the
    input shifted to that place. As such it runs at the speed of matrix products; oneDNN's own kernel takes three times
    as long for many channels in the memory layout channels last.

    Evaluation, other devices and half precision take the plain form.

    Args:
        in_channels: channels of the features.
        out_channels: channels of the output.
        kernel_size: odd.
        bias: whether there is one.

    Shapes:
        input (B, in_channels, H, W) -> output (B, out_channels, H, W).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        exact = input.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled("cpu")
        if not self.training or input.device.type != "cpu" or not exact:
            return super().forward(input)
        return _convolve(input, self.weight, self.bias, self.dilation[0])


def is_wide(conv: nn.Conv2d) -> bool:
    """Whether a layer is one that :class:`WideConv` can stand for, and trains faster: 1x1 or 3x3, of many channels."""
    kernel = conv.kernel_size[0]
    plain = conv.stride == (1, 1) and conv.groups == 1 and conv.padding_mode == "zeros"
    same_size = conv.padding == (conv.dilation[0] * (kernel // 2),) * 2 and conv.dilation[0] == conv.dilation[1]
    wide = conv.in_channels * conv.out_channels >= WORTH and conv.kernel_size in ((1, 1), (3, 3))
    return plain and same_size and wide


# The convolution and its derivatives are operations of their own: torch.compile does not look inside.


@torch.library.custom_op("encnet::wide_conv", mutates_args=())
def _convolve(input: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    if suits(weight.shape):
        return convolve(input, weight, bias, dilation)
    return F.conv2d(input, weight, bias, padding=weight.shape[-1] // 2)


@torch.library.custom_op("encnet::wide_conv_of_input", mutates_args=())
def _of_input(of_output: Tensor, input: Tensor, weight: Tensor, dilation: int) -> Tensor:
    if suits(weight.shape):
        return derivative_of_features(of_output, weight, dilation)
    return conv2d_input(input.shape, weight, of_output, padding=weight.shape[-1] // 2)


@torch.library.custom_op("encnet::wide_conv_of_weight", mutates_args=())
def _of_weight(of_output: Tensor, input: Tensor, weight: Tensor, dilation: int) -> Tensor:
    if suits(weight.shape):
        return derivative_of_weight(of_output, input, dilation)
    return _as_products(of_output, input, weight.shape[-1])


@_convolve.register_fake
def _output(input: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    if suits(weight.shape):
        return _last(input.new_empty(input.shape[0], *input.shape[2:], weight.shape[0]))
    return F.conv2d(input, weight, bias, padding=weight.shape[-1] // 2)


@_of_input.register_fake
def _like_input(of_output: Tensor, input: Tensor, weight: Tensor, dilation: int) -> Tensor:
    if suits(weight.shape):
        return _last(input.new_empty(input.shape[0], *input.shape[2:], input.shape[1]))
    return conv2d_input(input.shape, weight, of_output, padding=weight.shape[-1] // 2)


@_of_weight.register_fake
def _like_weight(of_output: Tensor, input: Tensor, weight: Tensor, dilation: int) -> Tensor:
    return _last(weight.new_empty(weight.shape[0], *weight.shape[2:], weight.shape[1]))


def _last(tensor: Tensor) -> Tensor:
    """(n, h, w, channels) -> (n, channels, h, w), in this order in memory still."""
    return tensor.permute(0, 3, 1, 2)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    input, weight, _, ctx.dilation = inputs
    ctx.save_for_backward(input, weight)


def _derivatives(ctx: Any, of_output: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
    input, weight = ctx.saved_tensors
    wanted = ctx.needs_input_grad
    of_input = _of_input(of_output, input, weight, ctx.dilation) if wanted[0] else None
    of_weight = _of_weight(of_output, input, weight, ctx.dilation) if wanted[1] else None
    return of_input, of_weight, of_output.sum(dim=(0, 2, 3)) if wanted[2] else None, None


_convolve.register_autograd(_derivatives, setup_context=_keep)


def _as_products(of_output: Tensor, input: Tensor, kernel_size: int) -> Tensor:
    """The derivative of the weight of an undilated convolution, (out_channels, in_channels, size, size)."""
    if kernel_size == 1:
        product = of_output.permute(0, 2, 3, 1).flatten(0, 2).T @ input.permute(0, 2, 3, 1).flatten(0, 2)
        return product[:, None, None].permute(0, 3, 1, 2)
    border = kernel_size // 2
    # Zeros to the right of and below the output's derivative, as many as around the input: rows of both are equally
    # long, so that a shift of the image is a shift of the list of all its pixels.
    padded = F.pad(input.permute(0, 2, 3, 1), (0, 0, border, border, border, border))
    width = padded.shape[2]
    inputs = padded.flatten(0, 2)
    outputs = F.pad(of_output.permute(0, 2, 3, 1), (0, 0, 0, 2 * border, 0, 2 * border)).flatten(0, 2)
    count = len(inputs) - 2 * border * (width + 1)  # after which there are zeros only
    outputs = outputs[:count].T
    of_weight = input.new_empty(len(outputs), kernel_size, kernel_size, inputs.shape[1])
    for row in range(kernel_size):
        for column in range(kernel_size):
            shift = row * width + column
            torch.mm(outputs, inputs[shift : shift + count], out=of_weight[:, row, column])
    return of_weight.permute(0, 3, 1, 2)
