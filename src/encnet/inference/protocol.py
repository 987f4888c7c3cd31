"""How a model is run over images: whole or in tiles, at which scales, with or without mirror images."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from encnet.errors import InputError
from encnet.model.encnet import EncNet
from encnet.model.heads import resize


@dataclass(frozen=True)
class Protocol:
    """What is averaged into one prediction. The default runs the network once over the whole image."""

    mode: Literal["whole", "sliding"] = "whole"
    """Run the network over the whole image, or over overlapping tiles of it."""
    crop: tuple[int, int] | None = None
    """Height and width of the tiles in pixels; sliding mode needs it."""
    stride: float = 2 / 3
    """Distance from tile to tile, as a fraction of the crop, above 0 and at most 1."""
    pad: bool = False
    """Fill images smaller than the crop up to it with the mean colour, as PyTorch-Encoding does; the fill counts as
    context. Otherwise the tile is as large as the image."""
    scales: tuple[float, ...] = (1.0,)
    """Sizes of the image, relative to its own, over which predictions are averaged."""
    flip: bool = False
    """Average with the prediction of the mirror image."""
    average: Literal["softmax", "exp"] = "softmax"
    """What is averaged: probabilities, after tiles averaged their logits (MMSegmentation), or the exponential of
    logits, those of an image and of its mirror image added up before (PyTorch-Encoding)."""

    def __post_init__(self) -> None:
        _require(self.mode in ("whole", "sliding"), "mode", self.mode, "'whole' or 'sliding'")
        _require(self.average in ("softmax", "exp"), "average", self.average, "'softmax' or 'exp'")
        _require(self.mode == "whole" or self.crop is not None, "crop", None, "a height and a width in sliding mode")
        _require(self.crop is None or (len(self.crop) == 2 and min(self.crop) >= 1), "crop", self.crop, "positive")
        _require(0 < self.stride <= 1, "stride", self.stride, "above 0 and at most 1")
        _require(len(self.scales) > 0 and min(self.scales) > 0, "scales", self.scales, "one or more positive numbers")

    def describe(self) -> str:
        """The protocol in one line."""
        tiles = f"tiles of {self.crop[0]} x {self.crop[1]}, stride {self.stride:.3g}" if self.crop else ""
        parts = [tiles + " (padded)" * self.pad if self.mode == "sliding" else "whole images"]
        parts.append("scale" + "s" * (len(self.scales) > 1) + " " + ", ".join(f"{scale:g}" for scale in self.scales))
        parts += ["with mirror images"] * self.flip
        parts += ["average of exp(logits)"] * (self.average == "exp")
        return "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


class _Scores(NamedTuple):
    classes: Tensor  # (B, classes, H, W): logits, or their exponential
    presence: Tensor | None  # (orientations, B, classes) in 0-1


@torch.no_grad()
def segment(
    model: EncNet, images: Tensor, protocol: Protocol, size: tuple[int, int] | None = None
) -> tuple[Tensor, Tensor | None]:
    """Runs a model over images of one size by a protocol.

    With l the logits that the tiles average to, brought to ``size``, class probabilities are the mean of softmax(l)
    over scales and orientations. With ``average="exp"`` they are Σ_scales mean_tiles exp(l + l_mirrored), divided by
    their sum over classes. A class is in an image if it is in any of its tiles: presence is the maximum over tiles,
    then the mean over scales and orientations.

    Args:
        model: in eval mode.
        images: (B, 3, H, W), normalised.
        protocol: how to run it.
        size: (height, width) of the result; None is that of ``images``.

    Returns:
        Probabilities (B, classes, height, width), and the probabilities (B, classes) that a class is in the image; None
        if the model does not say.
    """
    size = size or (images.shape[-2], images.shape[-1])
    if protocol.mode == "whole" and protocol.scales == (1,) and not protocol.flip:
        logits, presence = _one_tile(model, images, (False,), exponential=False)
        # Both averages of one prediction are its softmax.
        return resize(logits, size, model.align_corners).softmax(dim=1), None if presence is None else presence[0]
    exponential = protocol.average == "exp"
    orientations = (False, True) if protocol.flip else (False,)
    views = [orientations] if exponential else [(mirrored,) for mirrored in orientations]
    total = images.new_zeros(len(images), model.num_classes, *size, dtype=torch.float64 if exponential else None)
    presences = []
    for scale in protocol.scales:
        scaled = _scaled(images, scale)
        for view in views:
            classes, presence = _over_tiles(model, scaled, protocol, view, exponential)
            classes = resize(classes, size, model.align_corners)
            total += classes if exponential else classes.softmax(dim=1)
            if presence is not None:
                presences.append(presence)
    total /= total.sum(dim=1, keepdim=True)
    return total.float(), torch.cat(presences).mean(dim=0) if presences else None


def _over_tiles(
    model: EncNet, images: Tensor, protocol: Protocol, view: tuple[bool, ...], exponential: bool
) -> _Scores:
    """Mean of the class scores of the tiles that cover each pixel, and maximum of their presence."""
    if protocol.mode == "whole" or protocol.crop is None:
        return _one_tile(model, images, view, exponential)
    (height, width), (crop_height, crop_width) = images.shape[-2:], protocol.crop
    if protocol.pad:
        images = F.pad(images, (0, max(0, crop_width - width), 0, max(0, crop_height - height)))
    padded = images.shape[-2:]
    total = images.new_zeros(len(images), model.num_classes, *padded, dtype=torch.float64 if exponential else None)
    tiles_of_pixel = images.new_zeros(padded)
    presences = []
    for rows in _tiles(padded[0], crop_height, protocol.stride):
        for columns in _tiles(padded[1], crop_width, protocol.stride):
            classes, presence = _one_tile(model, images[..., rows, columns], view, exponential)
            total[..., rows, columns] += classes
            tiles_of_pixel[rows, columns] += 1
            if presence is not None:
                presences.append(presence)
    total /= tiles_of_pixel
    return _Scores(total[..., :height, :width], torch.stack(presences).amax(dim=0) if presences else None)


def _one_tile(model: EncNet, images: Tensor, view: tuple[bool, ...], exponential: bool) -> _Scores:
    """Sum of the logits of the orientations in ``view``, or its exponential; presence of each orientation."""
    logits, presences = [], []
    for mirrored in view:
        output = model(images.flip(-1) if mirrored else images)
        logits.append((output.logits.flip(-1) if mirrored else output.logits).float())
        if output.presence is not None:
            presences.append(model.presence_probabilities(output.presence))
    classes = reduce(torch.add, logits)
    # In float64, because e^(50 + 50) is infinite in float32.
    return _Scores(classes.double().exp() if exponential else classes, torch.stack(presences) if presences else None)


def _tiles(side: int, crop: int, stride: float) -> list[slice]:
    """The tiles along a side: as few as cover it at the stride, the last one ending where the side ends."""
    step = max(1, round(crop * stride))
    starts = [min(i * step, max(0, side - crop)) for i in range(math.ceil(max(0, side - crop) / step) + 1)]
    return [slice(start, min(start + crop, side)) for start in starts]


def _scaled(images: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return images
    height, width = (max(1, round(side * scale)) for side in images.shape[-2:])
    return F.interpolate(images, size=(height, width), mode="bilinear", antialias=True)


def _require(condition: bool, name: str, value: object, allowed: str) -> None:
    if not condition:
        raise InputError(f"{name} of the protocol is {value}; it must be {allowed}")
