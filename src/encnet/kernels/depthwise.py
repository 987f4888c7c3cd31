"""Depthwise convolutions in forms that CPUs differentiate fast."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encnet.system.timm import Conv2dSame


class Float32Depthwise(nn.Conv2d):
    """A depthwise convolution that is trained in float32 on CPUs under autocast too.

    oneDNN has no fast kernel in bfloat16 for the derivatives of depthwise convolutions that are strided or wider than
    3x3. Measured, forward and backward: 41 ms against 8 in float32 for 5x5 with stride 2, 144 channels, 4 x 80 x 112.
    The output is in the type of autocast, as that of other convolutions is.

    Args:
        those of ``nn.Conv2d``, with ``groups == in_channels``.

    Shapes:
        input (B, C, H, W) -> output (B, C, h, w).
    """

    def forward(self, input: Tensor) -> Tensor:
        if not is_trained_under_autocast(self, input):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            return super().forward(input.float()).to(torch.get_autocast_dtype("cpu"))


class Float32DepthwiseSame(Float32Depthwise, Conv2dSame):
    """:class:`Float32Depthwise` with timm's padding "same", which depends on the size of the input."""


class DilatedDepthwise(nn.Conv2d):
    """A dilated depthwise convolution that trains several times faster on CPUs than the plain form, with equal values.

    A convolution with dilation d reads every d-th pixel, so it is an undilated convolution of each of the d x d
    sub-grids of the image. oneDNN has a fast kernel for the derivative of one batch of sub-grids, and none for that of
    the dilated form (measured: 30 ms against 196 for 5x5, 1152 channels, 8 x 20 x 28). Evaluation, other devices and
    exported graphs use the plain form. Kernels wider than 3x3 are trained in float32, as in :class:`Float32Depthwise`.

    Args:
        those of ``nn.Conv2d``, with ``groups == in_channels``, stride 1 and a padding that keeps the size.

    Shapes:
        input (B, C, H, W) -> output (B, C, H, W).
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or input.device.type != "cpu":
            return super().forward(input)
        if not is_slow_in_half(self) or not is_trained_under_autocast(self, input):
            return self.by_sub_grids(input)
        with torch.autocast("cpu", enabled=False):
            return self.by_sub_grids(input.float()).to(torch.get_autocast_dtype("cpu"))

    def by_sub_grids(self, input: Tensor) -> Tensor:
        """Computes the layer's output as a convolution of sub-grids; shapes as in the class."""
        d = self.dilation[0]
        B, _, H, W = input.shape
        # Channels last throughout: the layout that the kernel prefers.
        padded = F.pad(input, (0, -W % d, 0, -H % d)).permute(0, 2, 3, 1)  # zeros, like the border of the convolution
        grids = padded.unflatten(2, (-1, d)).unflatten(1, (-1, d)).permute(2, 4, 0, 1, 3, 5)  # (d, d, B, h, w, C)
        batch = grids.flatten(0, 2).permute(0, 3, 1, 2)
        output = F.conv2d(batch, self.weight, self.bias, padding=self.kernel_size[0] // 2, groups=self.groups)
        grids = output.permute(0, 2, 3, 1).unflatten(0, (d, d, B)).permute(2, 3, 0, 4, 1, 5)  # (B, h, d, w, d, C)
        return grids.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)[..., :H, :W]


class SubGridConv(DilatedDepthwise):
    """A dilated depthwise convolution that always uses sub-grids, in prediction too."""

    def forward(self, input: Tensor) -> Tensor:
        return self.by_sub_grids(input)


def is_slow_in_half(conv: nn.Conv2d) -> bool:
    """Returns True if a convolution is depthwise, and oneDNN differentiates it slowly in bfloat16."""
    depthwise = conv.groups == conv.in_channels == conv.out_channels > 1
    return depthwise and (max(conv.kernel_size) > 3 or max(conv.stride) > 1)


def is_trained_under_autocast(conv: nn.Conv2d, input: Tensor) -> bool:
    """Returns True if a convolution of float32 weights is computed on the CPU under autocast, and differentiated."""
    differentiated = torch.is_grad_enabled() and (input.requires_grad or conv.weight.requires_grad)
    autocast = torch.is_autocast_enabled("cpu") and input.device.type == "cpu" and conv.weight.dtype == torch.float32
    return conv.training and differentiated and autocast


def is_dilated_depthwise(conv: nn.Conv2d) -> bool:
    """Returns True if a convolution is depthwise and dilated, and keeps the size."""
    dilation, kernel = conv.dilation[0], conv.kernel_size[0]
    depthwise = conv.groups == conv.in_channels == conv.out_channels > 1
    square = conv.dilation == (dilation, dilation) and conv.kernel_size == (kernel, kernel)
    keeps_size = conv.stride == (1, 1) and conv.padding == (dilation * (kernel // 2),) * 2
    return depthwise and square and dilation > 1 and kernel % 2 == 1 and keeps_size and conv.padding_mode == "zeros"
