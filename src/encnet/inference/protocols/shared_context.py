"""Shared-context tiles: images of any size in memory that depends on the tile and on the width of the image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from encnet.inference.argmax import Strip, decidable, most_probable
from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.inference.media.context_memory import ContextMemory
from encnet.inference.protocols.tile_grid import ALIGNMENT, Read, Span, spans, weights
from encnet.model.encoding import EncodingSums
from encnet.model.head import HeadFeatures
from encnet.model.output import Scene

KEPT_BYTES: int = 256 * 2**20
"""Upper bound in bytes on the features of the first pass that are kept for the second; those of the first tiles are."""


class Band(NamedTuple):
    """A band of rows of the class scores of an image."""

    top: int  #: index of the first row; from the second band on, that is the last row of the band before
    logits: Tensor  #: (1, classes, rows, w) float32, at the resolution of the network's head


class TiledScores(NamedTuple):
    """The prediction of an image by :meth:`SharedContextTiles.run`."""

    presence: Tensor | None  #: (1, classes), the probability, 0-1, that each class is in the image
    bands: Iterator[Band]  #: from top to bottom, computed on demand


class SharedContextTiles:
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
        self.size: tuple[int, int] = size
        self.kept_bytes: int = kept_bytes
        self._rows, self._columns = (spans(side, length, margin) for side, length in zip(size, tile, strict=True))
        # The number of places grows by a fixed amount per block of pixels, so small images tell that of a large one.
        block = 2 * ALIGNMENT
        feature_places, logit_places = self._places_of((block, block))
        self._feature_stride, self._stride = block // feature_places, block // logit_places
        self.places: tuple[int, int] = (self._places(size[0]), self._places(size[1]))

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self._rows) * len(self._columns)

    def run(
        self, read: Read, memory: ContextMemory | None = None, advance: Callable[[], object] | None = None
    ) -> TiledScores:
        """Runs both passes over an image, the second one on demand as its bands are consumed.

        Args:
            read: reads the pixels of a tile; once per tile, or twice if its features are not kept.
            memory: averages the context with that of earlier images.
            advance: called after each tile in each pass, ``2 * count`` times.
        """
        kept: dict[tuple[int, int], HeadFeatures] = {}
        advance = advance or _nothing
        sums = self._sums(read, kept, advance)
        with self.engine.computing():
            if memory is not None and sums is not None:
                sums = memory(sums)
            scene = self.engine.network.scene(sums)
            presence = None if scene is None else scene.presence
            if presence is not None:
                presence = self.engine.network.presence_probabilities(presence)
        return TiledScores(presence, self._bands(read, scene, kept, advance))

    def strips(self, bands: Iterable[Band], size: tuple[int, int]) -> Iterator[np.ndarray]:
        """The most probable class of every pixel of an image of ``size``, in strips (rows, width), top to bottom."""
        decided, align_corners = 0, self.engine.description.align_corners
        for top, logits in bands:
            until = decidable(self.places[0], size[0], top + logits.shape[2], align_corners)
            if until > decided:
                strip = Strip(top, self.places[0], slice(decided, until))
                yield most_probable(logits, size, align_corners, strip)[0].cpu().numpy()
            del logits
            decided = until

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

    def _bands(
        self,
        read: Read,
        scene: Scene | None,
        kept: dict[tuple[int, int], HeadFeatures],
        advance: Callable[[], object],
    ) -> Iterator[Band]:
        """The second pass: the blended class scores."""
        network, stride = self.engine.network, self._stride
        row_weights, column_weights = (
            [torch.from_numpy(weight).to(self.engine.device) for weight in weights(tiles, stride, places)]
            for tiles, places in zip((self._rows, self._columns), self.places, strict=True)
        )
        above: Tensor | None = None  # the last complete row, and the incomplete rows that the next row of tiles adds to
        for i, (row, row_weight) in enumerate(zip(self._rows, row_weights, strict=True)):
            repeated = 0 if above is None else 1
            with self.engine.computing():
                band = row_weight.new_zeros(1, network.num_classes, repeated + len(row_weight), self.places[1])
                if above is not None:
                    band[:, :, : above.shape[2]] = above
            for column, column_weight in zip(self._columns, column_weights, strict=True):
                with self.engine.computing():  # not around `yield`, where it would apply to the caller
                    features = kept.pop((row.start, column.start), None) or self._prepared(read, row, column)[0]
                    if features is not None:
                        left = column.start // stride
                        region = band[:, :, repeated:, left : left + len(column_weight)]
                        region += network.classify(features, scene) * (row_weight[:, None] * column_weight)
                    del features
                advance()
            top = row.start // stride - repeated
            complete = self._rows[i + 1].start // stride - top if i + 1 < len(self._rows) else band.shape[2]
            above = band[:, :, complete - 1 :].clone()
            yield Band(top, band[:, :, :complete])
            del band

    def _prepared(self, read: Read, row: Span, column: Span) -> tuple[HeadFeatures | None, np.ndarray | None]:
        """The features of a tile, None if no pixel holds data; and the mask of pixels that do."""
        pixels, valid = read(slice(row.start, row.stop), slice(column.start, column.stop))
        if valid is not None and not valid.any():
            return None, valid
        return self.engine.network.prepare(self.engine.normalised(pixels[None])), valid

    def _places(self, side: int) -> int:
        """Number of class scores along a side of an image."""
        rest = ALIGNMENT + side % ALIGNMENT
        return (side // ALIGNMENT - 1) * ALIGNMENT // self._stride + self._places_of((rest, ALIGNMENT))[1]

    def _places_of(self, size: tuple[int, int]) -> tuple[int, int]:
        """Number of rows of the features and of the class scores of an image of a size."""
        with self.engine.computing():
            images = np.zeros((1, *size, len(self.engine.description.info.mean)), np.uint8)
            features = self.engine.network.prepare(self.engine.normalised(images))
            return features.features.shape[2], self.engine.network.classify(features, None).shape[2]


def _bytes(features: HeadFeatures) -> int:
    return sum(tensor.nbytes for tensor in (features.features, *features.finer))


def _nothing() -> None:
    return None
