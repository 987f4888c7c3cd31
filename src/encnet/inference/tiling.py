"""A model over images by a protocol: scales, mirror images, tiles, and what of all this is averaged."""

from __future__ import annotations

import math
from functools import reduce
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from encnet.errors import InputError
from encnet.inference.protocol import Protocol
from encnet.model.encnet import EncNet
from encnet.model.heads import resize


class _Scores(NamedTuple):
    classes: Tensor  # (B, classes, H, W): logits, or their exponential
    presence: Tensor | None  # (orientations, B, classes) in 0-1


class _Span(NamedTuple):
    """A tile along one side: where it lies in the image, and its length with what it is filled up by."""

    inside: slice
    length: int


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
        protocol: how to run it, with a crop if it has tiles: what :meth:`Protocol.for_model` gives.
        size: (height, width) of the result; None is that of ``images``.

    Returns:
        Probabilities (B, classes, height, width), and the probabilities (B, classes) that a class is in the image; None
        if the model does not say.

    Raises:
        InputError: there are to be tiles, but of no size; or the protocol is tiled, which is
            :class:`encnet.inference.mosaic.Mosaic`.
    """
    if protocol.mode == "tiled":
        raise InputError("a protocol in tiled mode is run by encnet.Predictor; give one that is whole or sliding")
    if protocol.mode == "sliding" and protocol.crop is None:
        raise InputError("crop of the protocol is none; give the height and width of the tiles in sliding mode")
    size = size or (images.shape[-2], images.shape[-1])
    exponential = protocol.average == "exp"
    if protocol.mode == "whole" and len(protocol.scales) == 1 and not protocol.flip and not exponential:
        scaled = _scaled(model, images, protocol, protocol.scales[0])
        logits, presence = _one_tile(model, scaled, (False,), exponential=False)
        return resize(logits, size, model.align_corners).softmax(dim=1), None if presence is None else presence[0]
    orientations = (False, True) if protocol.flip else (False,)
    total = images.new_zeros(len(images), model.num_classes, *size, dtype=torch.float64 if exponential else None)
    presences = []
    for scale in protocol.scales:
        scaled = _scaled(model, images, protocol, scale)
        for mirrored in (False,) if exponential else orientations:
            # Either the image is mirrored, and cut into tiles of its own, or each tile is.
            view = scaled.flip(-1) if mirrored else scaled
            within = orientations if exponential else (False,)
            classes, presence = _over_tiles(model, view, protocol, within, exponential)
            classes = resize(classes.flip(-1) if mirrored else classes, size, model.align_corners)
            total += classes if exponential else classes.softmax(dim=1)
            if presence is not None:
                presences.append(presence)
    total /= total.sum(dim=1, keepdim=True)
    return total.float(), torch.cat(presences).mean(dim=0) if presences else None


def _over_tiles(
    model: EncNet, images: Tensor, protocol: Protocol, orientations: tuple[bool, ...], exponential: bool
) -> _Scores:
    """Mean of the class scores of the tiles that cover each pixel, and maximum of their presence."""
    if protocol.mode == "whole" or protocol.crop is None or protocol.steps is None:
        return _one_tile(model, images, orientations, exponential)
    (height, width), (crop, steps) = images.shape[-2:], (protocol.crop, protocol.steps)
    black = -images.new_tensor(model.info.mean) / images.new_tensor(model.info.std)
    total = images.new_zeros(
        len(images), model.num_classes, height, width, dtype=torch.float64 if exponential else None
    )
    tiles_of_pixel = images.new_zeros(height, width)
    presences = []
    for rows in _spans(height, crop[0], steps[0], protocol.edge == "pad"):
        for columns in _spans(width, crop[1], steps[1], protocol.edge == "pad"):
            tile = _filled(images[..., rows.inside, columns.inside], (rows.length, columns.length), black)
            classes, presence = _one_tile(model, tile, orientations, exponential)
            seen = total[..., rows.inside, columns.inside]
            seen += classes[..., : seen.shape[-2], : seen.shape[-1]]
            tiles_of_pixel[rows.inside, columns.inside] += 1
            if presence is not None:
                presences.append(presence)
    return _Scores(total / tiles_of_pixel, torch.stack(presences).amax(dim=0) if presences else None)


def _one_tile(model: EncNet, images: Tensor, orientations: tuple[bool, ...], exponential: bool) -> _Scores:
    """Sum of the logits of the orientations, or its exponential; presence of each orientation."""
    logits, presences = [], []
    for mirrored in orientations:
        output = model(images.flip(-1) if mirrored else images)
        logits.append((output.logits.flip(-1) if mirrored else output.logits).float())
        if output.presence is not None:
            presences.append(model.presence_probabilities(output.presence))
    classes = reduce(torch.add, logits)
    # In float64, because e^(50 + 50) is infinite in float32.
    return _Scores(classes.double().exp() if exponential else classes, torch.stack(presences) if presences else None)


def _spans(side: int, crop: int, step: int, pad: bool) -> list[_Span]:
    """The tiles along a side, as few as cover it at this step from tile to tile."""
    starts = [i * step for i in range(math.ceil(max(0, side - crop) / step) + 1)]
    if pad:
        return [_Span(slice(start, min(start + crop, side)), crop) for start in starts]
    length = min(crop, side)
    return [_Span(slice(start, start + length), length) for start in (min(start, side - length) for start in starts)]


def _filled(images: Tensor, size: tuple[int, int], color: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, C, height, width), ``color`` (C,) below and to the right."""
    height, width = images.shape[-2:]
    if (height, width) == size:
        return images
    filled = color[:, None, None].expand(*images.shape[:2], *size).contiguous()
    filled[..., :height, :width] = images
    return filled


def _scaled(model: EncNet, images: Tensor, protocol: Protocol, scale: float) -> Tensor:
    """The images at a scale of the protocol."""
    size = protocol.size(images.shape[-2], images.shape[-1], scale)
    if size == tuple(images.shape[-2:]):
        return images
    align_corners = protocol.resize == "model" and model.align_corners
    return F.interpolate(
        images, size=size, mode="bilinear", align_corners=align_corners, antialias=protocol.resize == "antialias"
    )
