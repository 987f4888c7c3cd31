"""A convolution with many channels that CPUs train fast."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

from encnet.kernels import winograd
from encnet.kernels.winograd import WORTH, suits


class WideConv(nn.Conv2d):
    """A convolution that keeps the size, and trains several times faster on CPUs than the plain form.

    3x3 kernels with many channels use Winograd's method, with a quarter of the multiplications, forward and for both
    derivatives; values are then equal up to some 10⁻⁵ of their spread (:mod:`encnet.kernels.winograd`).

    The gradient of a 1x1 kernel is a matrix product of the output's gradient and the input, and is computed as one:
    oneDNN's own kernel takes three times as long for many channels in channels-last layout.

    Evaluation, other devices, half precision and convolutions that are not wide (:func:`is_wide`) use the plain form.

    Args:
        those of ``nn.Conv2d``.

    Shapes:
        input (B, in_channels, H, W) -> output (B, out_channels, H, W).
    """

    def forward(self, input: Tensor) -> Tensor:
        exact = input.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled("cpu")
        if not self.training or input.device.type != "cpu" or not exact or not is_wide(self):
            return super().forward(input)
        return _convolve(input, self.weight, self.bias, self.dilation[0])


def is_wide(conv: nn.Conv2d) -> bool:
    """Returns True if :class:`WideConv` trains a convolution faster: 1x1 or 3x3, same size, many channels."""
    kernel = conv.kernel_size[0]
    plain = conv.stride == (1, 1) and conv.groups == 1 and conv.padding_mode == "zeros"
    same_size = conv.padding == (conv.dilation[0] * (kernel // 2),) * 2 and conv.dilation[0] == conv.dilation[1]
    wide = conv.in_channels * conv.out_channels >= WORTH and conv.kernel_size in ((1, 1), (3, 3))
    return plain and same_size and wide


# The convolution and its derivatives are custom operations: torch.compile does not trace into them.


@torch.library.custom_op("encnet::wide_conv", mutates_args=())
def _convolve(input: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    if suits(weight.shape):
        return winograd.convolve(input, weight, bias, dilation)
    return F.conv2d(input, weight, bias)


@torch.library.custom_op("encnet::wide_conv_grad_input", mutates_args=())
def _grad_input(grad_output: Tensor, input: Tensor, weight: Tensor, dilation: int) -> Tensor:
    if suits(weight.shape):
        return winograd.grad_features(grad_output, weight, dilation)
    return conv2d_input(input.shape, weight, grad_output)


@torch.library.custom_op("encnet::wide_conv_grad_weight", mutates_args=())
def _grad_weight(grad_output: Tensor, input: Tensor, weight: Tensor, dilation: int) -> Tensor:
    if suits(weight.shape):
        return winograd.grad_weight(grad_output, input, dilation)
    product = _pixels(grad_output).T @ _pixels(input)  # (out_channels, in_channels)
    return _channels_second(product[:, None, None])


@_convolve.register_fake
def _(input: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    if suits(weight.shape):
        return _channels_second(input.new_empty(input.shape[0], *input.shape[2:], weight.shape[0]))
    return F.conv2d(input, weight, bias)


@_grad_input.register_fake
def _(grad_output: Tensor, input: Tensor, weight: Tensor, dilation: int) -> Tensor:
    if suits(weight.shape):
        return _channels_second(input.new_empty(input.shape[0], *input.shape[2:], input.shape[1]))
    return conv2d_input(input.shape, weight, grad_output)


@_grad_weight.register_fake
def _(grad_output: Tensor, input: Tensor, weight: Tensor, dilation: int) -> Tensor:
    return _channels_second(weight.new_empty(weight.shape[0], *weight.shape[2:], weight.shape[1]))


def _channels_second(tensor: Tensor) -> Tensor:
    """(n, h, w, channels) -> (n, channels, h, w), the same memory: the layout is channels last."""
    return tensor.permute(0, 3, 1, 2)


def _pixels(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B·H·W, C)."""
    return features.permute(0, 2, 3, 1).flatten(0, 2)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    input, weight, _, ctx.dilation = inputs
    ctx.save_for_backward(input, weight)


def _backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
    input, weight = ctx.saved_tensors
    needs_input, needs_weight, needs_bias, _ = ctx.needs_input_grad
    grad_input = _grad_input(grad_output, input, weight, ctx.dilation) if needs_input else None
    grad_weight = _grad_weight(grad_output, input, weight, ctx.dilation) if needs_weight else None
    grad_bias = grad_output.sum(dim=(0, 2, 3)) if needs_bias else None
    return grad_input, grad_weight, grad_bias, None


_convolve.register_autograd(_backward, setup_context=_setup_context)
