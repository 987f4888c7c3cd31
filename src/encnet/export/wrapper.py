"""What is exported: an EncNet with what comes before and after it, as one graph."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encnet.export.padding import make_padding_exportable
from encnet.export.untiled import untile
from encnet.inference.engines.fast_conv import use_winograd
from encnet.inference.engines.folding import fold_batch_norm
from encnet.model.encnet import EncNet


class ExportWrapper(nn.Module):
    """From the bytes of images to class scores and presence; the model itself is copied, and does not change.

    The graph normalises by the model's own numbers, x = (images / 255 - mean) / std, and turns presence into
    probabilities, so that whoever runs it needs to know neither. Batch norms are folded into their convolutions.

    Args:
        model: in any mode, on any device; the copy is in eval mode, on the CPU.
        labels: whether the graph also says the most probable class of each pixel of the images. It then holds a tensor
            of all classes at the size of the images.
        winograd: whether wide 3x3 convolutions take a quarter of their multiplications, and more memory. Only for
            float32: in half precision the sums lose too much.

    Shapes:
        images (N, H, W, C) uint8, RGB for a model of photographs -> a dictionary:
        ``logits`` (N, classes, h, w) float32, at the head's own resolution;
        ``presence`` (N, classes) float32, 0-1, unless the model does not say;
        ``labels`` (N, H, W) uint8, where asked for.
    """

    def __init__(self, model: EncNet, labels: bool = False, winograd: bool = False) -> None:
        super().__init__()
        self.model = fold_batch_norm(copy.deepcopy(model).cpu().eval().requires_grad_(False))
        untile(self.model)
        make_padding_exportable(self.model)
        if winograd:
            use_winograd(self.model, transformed=False)
        self.labels = labels
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (model.info.mean, model.info.std))
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", (1 / (255 * std)).float())
        self.register_buffer("shift", (-mean / std).float())

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        pixels = (images.float() * self.scale + self.shift).permute(0, 3, 1, 2)
        output = self.model(pixels, full_size=False)
        outputs = {"logits": output.logits.float()}
        if output.presence is not None:
            outputs["presence"] = self.model.presence_probabilities(output.presence)
        if self.labels:
            # Not `resize`, whose question whether the sizes are equal would be answered for the example alone.
            height, width = images.shape[1:3]
            full = F.interpolate(
                outputs["logits"], size=(height, width), mode="bilinear", align_corners=self.model.align_corners
            )
            outputs["labels"] = full.argmax(dim=1).to(torch.uint8)
        return outputs
