"""The module that is exported: normalisation, network and probabilities in one graph."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encnet.checkpoint.encnet import EncNet
from encnet.data.class_indices import is_wide
from encnet.export.padding import ExportedAvgPool2dSame, ExportedConv2dSame
from encnet.export.untiled import UntiledHead
from encnet.kernels.acceleration import plain, use_winograd
from encnet.kernels.exchange import Network, exchange, with_parameters_of
from encnet.kernels.folding import fold_batch_norm
from encnet.model.heads.fullres import FullResolutionHead
from encnet.system.timm import AvgPool2dSame, Conv2dSame

_EXPORTED: Mapping[type[nn.Module], Callable[[Any], nn.Module]] = {
    FullResolutionHead: UntiledHead,
    Conv2dSame: lambda conv: with_parameters_of(conv, ExportedConv2dSame),
    AvgPool2dSame: ExportedAvgPool2dSame,
}
"""Layers that cannot be exported for images of any size -> their replacements."""


def exportable(network: Network) -> Network:
    """Replaces the layers that cannot be exported, in place; the output does not change."""
    return exchange(network, lambda layer: _EXPORTED[type(layer)](layer) if type(layer) in _EXPORTED else None)


class ExportWrapper(nn.Module):
    """Computes class scores and presence from the bytes of images, with a copy of a model.

    The graph contains the normalisation, x = (images / 255 - mean) / std, and converts presence to probabilities, so
    that programs need to do neither. Batch norms are folded into convolutions.

    Args:
        model: a model in any mode, on any device; the copy is in eval mode, on the CPU.
        labels: whether to output the most probable class of each pixel too. The graph then holds a tensor of all
            classes at the size of the images.
        winograd: whether wide 3x3 convolutions use Winograd's method: a quarter of the multiplications, and more
            memory. Only for float32, because the method is too inexact in half precision.

    Shapes:
        images (N, H, W, C) uint8, RGB for a model of photographs -> a dictionary:
        ``logits`` (N, classes, h, w) float32, at the resolution of the head;
        ``presence`` (N, classes) float32, 0-1, if the model predicts it;
        ``labels`` (N, H, W), on request: uint8, or int32 with more than 255 classes.
    """

    def __init__(self, model: EncNet, labels: bool = False, winograd: bool = False) -> None:
        super().__init__()
        copied = copy.deepcopy(model).cpu().eval().requires_grad_(False)
        self.model: EncNet = exportable(fold_batch_norm(plain(copied), copied.example()))
        if winograd:
            use_winograd(self.model, transformed=False)
        self.labels = labels
        scale, shift = self.model.normalisation()
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        pixels = (images.float() * self.scale + self.shift).permute(0, 3, 1, 2)
        output = self.model(pixels, full_size=False)
        outputs = {"logits": output.logits.float()}
        if output.presence is not None:
            outputs["presence"] = self.model.presence_probabilities(output.presence)
        if self.labels:
            # Not `resize`: it compares sizes, and tracing would fix the result of the example.
            height, width = images.shape[1:3]
            full = F.interpolate(
                outputs["logits"], size=(height, width), mode="bilinear", align_corners=self.model.align_corners
            )
            outputs["labels"] = full.argmax(dim=1).to(torch.int32 if is_wide(self.model.num_classes) else torch.uint8)
        return outputs
