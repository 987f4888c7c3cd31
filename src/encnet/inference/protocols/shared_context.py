"""Shared-context tiles: images of any size in memory that depends on the tile and on the width of the image."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor

from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.inference.media.context_memory import ContextMemory
from encnet.inference.protocols.tile_grid import ALIGNMENT, Read, Span
from encnet.inference.protocols.tiles import BlendedTiles, TiledScores, nothing
from encnet.model.encoding import EncodingSums
from encnet.model.head import HeadFeatures

KEPT_BYTES: int = 256 * 2**20
"""Upper bound in bytes on the features of the first pass that are kept for the second; those of the first tiles are."""


class SharedContextTiles(BlendedTiles):
    """Runs a network over images of one size in tiles that share one context, in two passes.

    The sums of the Encoding layer, Σ AᵀX and Σ A, are sums over pixels. The first pass adds them up over all tiles;
    each place of the features counts in one tile only. The result equals the sums over the whole image, except that
    the backbone does not see beyond the borders of a tile. The second pass scales the features of every tile by the
    same γ, computed from these sums, classifies them, and blends the scores of overlapping tiles at the resolution of
    the head.

    Memory holds the features of one tile, the kept features, and the class scores of one row of tiles.

    Args:
        engine: engine with the network.
        size: height and width of the images in pixels.
        tile: height and width of the tiles in pixels, as in :func:`encnet.inference.protocols.tile_grid.spans`.
        margin: margin in pixels, as in :func:`encnet.inference.protocols.tile_grid.spans`.
        kept_bytes: upper bound on the features that are kept for the second pass; it computes the others again.

    Attributes:
        places: number of rows and columns of the class scores of a whole image.
    """

    def __init__(
        self,
        engine: PyTorchEngine,
        size: tuple[int, int],
        tile: tuple[int, int],
        margin: int,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self.engine: PyTorchEngine = engine
        self.kept_bytes: int = kept_bytes
        super().__init__(engine, size, tile, margin)
        block = 2 * ALIGNMENT
        with engine.computing():
            self._feature_stride = block // self._features_of((block, block)).features.shape[2]

    @property
    def passes(self) -> int:
        return 2

    def run(
        self, read: Read, *, memory: ContextMemory | None = None, advance: Callable[[], object] | None = None
    ) -> TiledScores:
        """Runs both passes over an image, the second one on demand as its bands are consumed.

        Args:
            read: reads the pixels of a tile; once per tile, or twice if its features are not kept.
            memory: averages the context with that of earlier images.
            advance: called after each tile in each pass, ``2 * count`` times.
        """
        kept: dict[tuple[int, int], HeadFeatures] = {}
        advance = advance or nothing
        sums = self._sums(read, kept, advance)
        with self.engine.computing():
            if memory is not None and sums is not None:
                sums = memory(sums)
            scene = self.engine.network.scene(sums)
            presence = None if scene is None else scene.presence
            if presence is not None:
                presence = self.engine.network.presence_probabilities(presence)

        def scores(row: Span, column: Span) -> Tensor | None:
            features = kept.pop((row.start, column.start), None) or self._prepared(read, row, column)[0]
            return None if features is None else self.engine.network.classify(features, scene)

        return TiledScores(presence, self._blended(scores, advance))

    def _sums(
        self, read: Read, kept: dict[tuple[int, int], HeadFeatures], advance: Callable[[], object]
    ) -> EncodingSums | None:
        """The first pass: sums over all tiles; None without a context encoding, or if no pixel holds data."""
        total, free = None, self.kept_bytes
        for row in self._rows:
            for column in self._columns:
                if self.engine.network.head.context is not None:
                    with self.engine.computing():
                        features, valid = self._prepared(read, row, column)
                        if features is not None:
                            core = self._core(features.features, valid, row, column)
                            sums = self.engine.network.sums(core) if core.numel() else None
                            if sums is not None:
                                total = sums if total is None else total + sums
                            free -= _bytes(features)
                            if free >= 0:
                                kept[row.start, column.start] = features
                advance()
        return total

    def _core(self, features: Tensor, valid: np.ndarray | None, row: Span, column: Span) -> Tensor:
        """The features, out of (1, C, h, w), that count in this tile: those of its core that hold data."""
        stride = self._feature_stride
        rows, columns = (
            slice(
                (span.core.start - span.start) // stride,
                None if span.core.stop == side else (span.core.stop - span.start) // stride,
            )
            for span, side in zip((row, column), self.size, strict=True)
        )
        core = features[:, :, rows, columns]
        if valid is None or valid.all():
            return core
        centers = (
            np.minimum(np.arange(places) * stride + stride // 2, side - 1)
            for places, side in zip(features.shape[2:], valid.shape, strict=True)
        )
        holds_data = valid[np.ix_(*centers)][rows, columns]
        return core[:, :, torch.from_numpy(holds_data).to(core.device)][..., None]

    def _prepared(self, read: Read, row: Span, column: Span) -> tuple[HeadFeatures | None, np.ndarray | None]:
        """The features of a tile, None if no pixel holds data; and the mask of pixels that do."""
        pixels, valid = read(slice(row.start, row.stop), slice(column.start, column.stop))
        if valid is not None and not valid.any():
            return None, valid
        return self.engine.network.prepare(self.engine.normalised(pixels[None])), valid

    def _array(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self.engine.device)

    def _computing(self) -> AbstractContextManager[object]:
        return self.engine.computing()

    def _places_of(self, size: tuple[int, int]) -> int:
        with self.engine.computing():
            return self.engine.network.classify(self._features_of(size), None).shape[2]

    def _features_of(self, size: tuple[int, int]) -> HeadFeatures:
        """The features of an image without content."""
        images = np.zeros((1, *size, len(self.description.info.mean)), np.uint8)
        return self.engine.network.prepare(self.engine.normalised(images))


def _bytes(features: HeadFeatures) -> int:
    return sum(tensor.nbytes for tensor in (features.features, *features.finer))
