"""Images in memory in shared-context tiles: their labels, strip by strip, or their class scores."""

from __future__ import annotations

import numpy as np
import torch

from encnet.data.class_indices import label_dtype
from encnet.data.raster import Region
from encnet.inference.engines.engine import Scores
from encnet.inference.media.context_memory import ContextMemory
from encnet.inference.protocols.shared_context import SharedContextTiles
from encnet.inference.protocols.tile_grid import Read


def labels_in_tiles(
    tiles: SharedContextTiles, images: np.ndarray, size: tuple[int, int], memory: ContextMemory | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """The most probable class of every pixel, without a score per class and pixel or a score map of the whole image.

    Args:
        tiles: tiles for the size of the images.
        images: uint8 (B, h, w, C), already resized for the network; they run one by one.
        size: H and W of the label maps in pixels.
        memory: averages the context over the images.

    Returns:
        Class indices (B, H, W), uint8, or uint16 with more than 255 classes; and presence (B, classes) float32, the
        probability, 0-1, that each class is in the image, or None if the model does not predict it.
    """
    labels = np.empty((len(images), *size), label_dtype(tiles.engine.description.num_classes))
    presences = []
    for image, image_labels in zip(images, labels, strict=True):
        presence, bands = tiles.run(_reader(image), memory=memory)
        row = 0
        for strip in tiles.strips(bands, size):
            image_labels[row : row + len(strip)] = strip
            row += len(strip)
        presences += [] if presence is None else [presence]
    return labels, torch.cat(presences).cpu().numpy() if presences else None


def scores_in_tiles(tiles: SharedContextTiles, images: np.ndarray) -> Scores:
    """The blended class scores of whole images, (B, classes, h, w), and presence; ``images`` as in labels_in_tiles."""
    logits, presences = [], []
    for image in images:
        presence, bands = tiles.run(_reader(image))
        # A band begins with the last row of the one before.
        logits.append(torch.cat([rows if top == 0 else rows[:, :, 1:] for top, rows in bands], dim=2))
        presences += [] if presence is None else [presence]
    return Scores(torch.cat(logits), torch.cat(presences) if presences else None)


def _reader(image: np.ndarray) -> Read:
    """Reads regions of an image, uint8 (h, w, C)."""
    return lambda rows, columns: Region(image[rows, columns])
