"""Class probabilities of every pixel, for protocols that see the image once; only PyTorch computes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from torch import Tensor

from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.inference.protocols.shared_context import SharedContextTiles
from encnet.inference.protocols.shared_context_images import scores_in_tiles
from encnet.model.blocks import resize


def class_probabilities(
    engine: PyTorchEngine,
    tiles: SharedContextTiles | None,
    pixels: np.ndarray,
    covered: tuple[int, int],
    size: Sequence[int],
) -> tuple[Tensor, Tensor | None]:
    """Softmax of the class scores, resized to the images.

    Args:
        engine: engine with the network.
        tiles: shared-context tiles; None runs the network over whole images.
        pixels: uint8 (B, h, w, C), resized and filled for the network.
        covered: height and width, in pixels of the result, that the class scores cover.
        size: H and W of the result in pixels.

    Returns:
        Probabilities (B, classes, H, W), and presence (B, classes) or None; on the device.
    """
    scores = engine(pixels) if tiles is None else scores_in_tiles(tiles, pixels)
    logits, presence = cast("tuple[Tensor, Tensor | None]", scores)
    logits = resize(logits, covered, engine.description.align_corners)[:, :, : size[0], : size[1]]
    return logits.softmax(dim=1), presence
