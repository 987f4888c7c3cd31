"""Images in memory by a mosaic: labels, strip by strip, or the class scores that they come from."""

from __future__ import annotations

import numpy as np
import torch

from encnet.inference.context_memory import ContextMemory
from encnet.inference.engines.engine import Scores
from encnet.inference.grid import Read, Window
from encnet.inference.mosaic import Mosaic


def labels_in_tiles(
    mosaic: Mosaic, images: np.ndarray, size: tuple[int, int], memory: ContextMemory | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The most probable class of every pixel, without class scores of all pixels or of the whole image.

    Args:
        mosaic: for the size of the images.
        images: uint8 (B, h, w, 3), RGB, as the network is to see them; one is run after the other.
        size: H and W of the label maps, in pixels.
        memory: averages the context over the images.

    Returns:
        Class indices (B, H, W), uint8, or uint16 with more than 256 classes; and (B, classes) float32: the
        probability, 0-1, that each class is in the image, or None if the model does not say.
    """
    many = mosaic.engine.description.num_classes > 256
    labels = np.empty((len(images), *size), np.uint16 if many else np.uint8)
    presences = []
    for image, own in zip(images, labels, strict=True):
        presence, bands = mosaic.run(_reader(image), memory)
        row = 0
        for strip in mosaic.strips(bands, size):
            own[row : row + len(strip)] = strip
            row += len(strip)
        presences += [] if presence is None else [presence]
    return labels, torch.cat(presences).cpu().numpy() if presences else None


def scores_in_tiles(mosaic: Mosaic, images: np.ndarray) -> Scores:
    """The blended class scores of whole images, (B, classes, h, w), and presence; ``images`` as above."""
    logits, presences = [], []
    for image in images:
        presence, bands = mosaic.run(_reader(image))
        # A band begins with the last row of the one before.
        logits.append(torch.cat([rows if top == 0 else rows[:, :, 1:] for top, rows in bands], dim=2))
        presences += [] if presence is None else [presence]
    return Scores(torch.cat(logits), torch.cat(presences) if presences else None)


def _reader(image: np.ndarray) -> Read:
    """What a mosaic reads from an image, uint8 (h, w, 3)."""
    return lambda rows, columns: Window(image[rows, columns])
