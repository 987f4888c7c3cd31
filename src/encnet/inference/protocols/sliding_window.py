"""Runs a model over images by a protocol: averages over scales, mirror images and sliding windows."""

from __future__ import annotations

import math
from functools import reduce
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from encnet.checkpoint.encnet import EncNet
from encnet.inference.image_memory import require_image_fits
from encnet.inference.protocols.protocol import Protocol
from encnet.model.blocks import resize
from encnet.system.errors import InputError


class _Scores(NamedTuple):
    """Class scores and presence of images."""

    classes: Tensor  # (B, classes, H, W): logits, or their exponential
    presence: Tensor | None  # (orientations, B, classes) in 0-1


class _Span(NamedTuple):
    """A window along one side of the image."""

    inside: slice  # the part inside the image
    length: int  # with padding


@torch.no_grad()
def segment(
    model: EncNet, images: Tensor, protocol: Protocol, size: tuple[int, int] | None = None
) -> tuple[Tensor, Tensor | None]:
    """Runs a model over images of one size by a protocol.

    Let l be the logits, averaged over the windows and resized to ``size``. Class probabilities are the mean of
    softmax(l) over scales and orientations. With ``average="exp"`` they are Σ_scales mean_windows exp(l + l_mirrored),
    divided by their sum over classes. A class is in an image if it is in any of its windows, so presence is the maximum
    over windows, and then the mean over scales and orientations.

    Args:
        model: a model in eval mode.
        images: (B, C, H, W), normalised.
        protocol: a protocol completed by :meth:`Protocol.for_model`: with a crop, if it has sliding windows.
        size: (height, width) of the result; None is that of ``images``.

    Returns:
        Probabilities (B, classes, height, width), and presence (B, classes), the probability, 0-1, that each class is
        in the image; None if the model does not predict it.

    Raises:
        InputError: there is no crop in sliding mode; the images at a scale do not fit into memory; or the mode is
            tiled, which only :class:`encnet.inference.protocols.shared_context.SharedContextTiles` runs.
    """
    if protocol.mode == "tiled":
        raise InputError(
            "a protocol in tiled mode is run by encnet.Predictor; give a protocol in whole or sliding mode", "protocol"
        )
    if protocol.mode == "sliding" and protocol.crop is None:
        raise InputError(
            "protocol.crop is None; give the height and width of the window in sliding mode", "protocol.crop"
        )
    size = size or (images.shape[-2], images.shape[-1])
    exponential = protocol.average == "exp"
    if protocol.mode == "whole" and len(protocol.scales) == 1 and not protocol.flip and not exponential:
        scaled = _scaled(model, images, protocol, protocol.scales[0])
        logits, presence = _one_window(model, scaled, protocol, (False,), exponential=False)
        return resize(logits, size, model.align_corners).softmax(dim=1), None if presence is None else presence[0]
    orientations = (False, True) if protocol.flip else (False,)
    total = images.new_zeros(len(images), model.num_classes, *size, dtype=torch.float64 if exponential else None)
    presences = []
    for scale in protocol.scales:
        scaled = _scaled(model, images, protocol, scale)
        for mirrored in (False,) if exponential else orientations:
            # Either the image is mirrored before it is cut into windows, or each window is.
            view = scaled.flip(-1) if mirrored else scaled
            window_orientations = orientations if exponential else (False,)
            classes, presence = _over_windows(model, view, protocol, window_orientations, exponential)
            classes = resize(classes.flip(-1) if mirrored else classes, size, model.align_corners)
            total += classes if exponential else classes.softmax(dim=1)
            if presence is not None:
                presences.append(presence)
    total /= total.sum(dim=1, keepdim=True)
    return total.float(), torch.cat(presences).mean(dim=0) if presences else None


def _over_windows(
    model: EncNet, images: Tensor, protocol: Protocol, orientations: tuple[bool, ...], exponential: bool
) -> _Scores:
    """Mean of the class scores of the windows that cover each pixel, and maximum of their presence."""
    if protocol.mode == "whole" or protocol.crop is None or protocol.steps is None:
        return _one_window(model, images, protocol, orientations, exponential)
    (height, width), (crop, steps) = images.shape[-2:], (protocol.crop, protocol.steps)
    black = -images.new_tensor(model.info.mean) / images.new_tensor(model.info.std)
    total = images.new_zeros(
        len(images), model.num_classes, height, width, dtype=torch.float64 if exponential else None
    )
    windows_per_pixel = images.new_zeros(height, width)
    presences = []
    for rows in _spans(height, crop[0], steps[0], protocol.edge == "pad"):
        for columns in _spans(width, crop[1], steps[1], protocol.edge == "pad"):
            window = _padded(images[..., rows.inside, columns.inside], (rows.length, columns.length), black)
            classes, presence = _one_window(model, window, protocol, orientations, exponential)
            inside = total[..., rows.inside, columns.inside]
            inside += classes[..., : inside.shape[-2], : inside.shape[-1]]
            windows_per_pixel[rows.inside, columns.inside] += 1
            if presence is not None:
                presences.append(presence)
    return _Scores(total / windows_per_pixel, torch.stack(presences).amax(dim=0) if presences else None)


def _one_window(
    model: EncNet, images: Tensor, protocol: Protocol, orientations: tuple[bool, ...], exponential: bool
) -> _Scores:
    """Sum of the logits of the orientations, or its exponential; presence of each orientation."""
    height, width = images.shape[-2:]
    multiple = model.info.image_multiple if protocol.fill and not model.align_corners else 1
    logits, presences = [], []
    for mirrored in orientations:
        view = images.flip(-1) if mirrored else images
        output = model(F.pad(view, (0, -width % multiple, 0, -height % multiple), mode="replicate"))
        scores = output.logits[..., :height, :width].float()
        logits.append(scores.flip(-1) if mirrored else scores)
        if output.presence is not None:
            presences.append(model.presence_probabilities(output.presence))
    classes = reduce(torch.add, logits)
    # In float64, because e^(50 + 50) overflows float32.
    return _Scores(classes.double().exp() if exponential else classes, torch.stack(presences) if presences else None)


def _spans(side: int, crop: int, step: int, pad: bool) -> list[_Span]:
    """The smallest number of windows that cover a side, at this step from window to window."""
    starts = [i * step for i in range(math.ceil(max(0, side - crop) / step) + 1)]
    if pad:
        return [_Span(slice(start, min(start + crop, side)), crop) for start in starts]
    length = min(crop, side)
    return [_Span(slice(start, start + length), length) for start in (min(start, side - length) for start in starts)]


def _padded(images: Tensor, size: tuple[int, int], color: Tensor) -> Tensor:
    """Pads (B, C, h, w) to (B, C, height, width) with ``color``, (C,), below and to the right."""
    height, width = images.shape[-2:]
    if (height, width) == size:
        return images
    padded = color[:, None, None].expand(*images.shape[:2], *size).contiguous()
    padded[..., :height, :width] = images
    return padded


def _scaled(model: EncNet, images: Tensor, protocol: Protocol, scale: float) -> Tensor:
    """The images at a scale of the protocol; raises InputError if their memory would not fit."""
    size = protocol.size(images.shape[-2], images.shape[-1], scale)
    if size == tuple(images.shape[-2:]):
        return images
    side = "long_side" if protocol.long_side is not None else "short_side"
    argument = f"protocol.{'scales' if scale > 1 else side}"
    on_cpu = images.device.type == "cpu"  # a GPU has memory of its own
    classes = model.num_classes if on_cpu else 0
    require_image_fits(*size, argument, len(images), classes, whole=on_cpu and protocol.mode == "whole")
    align_corners = protocol.resize == "model" and model.align_corners
    return F.interpolate(
        images, size=size, mode="bilinear", align_corners=align_corners, antialias=protocol.resize == "antialias"
    )
