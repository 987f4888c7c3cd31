"""Images of any size in tiles, with one context: memory is set by the tile, and by the width of the image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from encnet.inference.context_memory import ContextMemory
from encnet.inference.decide import Strip, decidable, most_probable
from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.inference.grid import ALIGNMENT, Read, Span, spans, weights
from encnet.model.encoding import EncodingSums
from encnet.model.heads import HeadFeatures
from encnet.model.output import Scene

KEPT_BYTES = 256 * 2**20
"""Features of the first pass that are kept for the second: those of the first tiles, up to so many bytes."""


class Band(NamedTuple):
    """Rows of the class scores of an image."""

    top: int  #: the first row; from the second band on it is the last row of the band before
    logits: Tensor  #: (1, classes, rows, w) float32, at the resolution of the network's head


class TiledScores(NamedTuple):
    """What :meth:`Mosaic.run` says of an image."""

    presence: Tensor | None  #: (1, classes), the probability, 0-1, that a class is in the image
    bands: Iterator[Band]  #: computed as they are asked for, from top to bottom


class Mosaic:
    """A network over images of one size, of which it sees tile after tile, in two passes.

    The sums of the Encoding layer, Σ AᵀX and Σ A, run over pixels. The first pass adds up those of all tiles, each
    place of the features in one tile only. This is what the layer would sum up over the whole image, but for what the
    backbone does not see beyond the borders of a tile. The second pass scales the features of each tile by the one γ
    that follows, classifies them, and blends the scores of overlapping tiles at the resolution of the head.

    In memory are the features of a tile, those that are kept, and the class scores of a row of tiles.

    Args:
        engine: with the network.
        size: height and width of the images in pixels.
        tile: height and width of the tiles in pixels, as for :func:`encnet.inference.grid.spans`.
        margin: in pixels, as for :func:`encnet.inference.grid.spans`.
        kept_bytes: how much the features may take that are kept for the second pass; it computes the others again.

    Attributes:
        places: rows and columns of the class scores of a whole image.
    """

    def __init__(
        self,
        engine: PyTorchEngine,
        size: tuple[int, int],
        tile: tuple[int, int],
        margin: int,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self.engine = engine
        self.size = size
        self.kept_bytes = kept_bytes
        self._rows, self._columns = (spans(side, length, margin) for side, length in zip(size, tile, strict=True))
        # Places repeat from block to block of pixels, so small images say how many a large one has.
        block = 2 * ALIGNMENT
        of_features, of_logits = self._places_of((block, block))
        self._feature_stride, self._stride = block // of_features, block // of_logits
        self.places: tuple[int, int] = (self._places(size[0]), self._places(size[1]))

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return len(self._rows) * len(self._columns)

    def run(
        self, read: Read, memory: ContextMemory | None = None, advance: Callable[[], object] | None = None
    ) -> TiledScores:
        """Both passes over an image; the second goes on as its bands are asked for.

        Args:
            read: gives the pixels. Each tile is asked for once, or twice where its features are not kept.
            memory: averages the context with that of the images before.
            advance: called after each tile in each pass, ``2 * tiles`` times.
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
        """The most probable classes of the pixels of an image of ``size``: (rows, width) after (rows, width)."""
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
        """The first pass. None without a context encoding, and where no pixel holds data."""
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
        """Of the features (1, C, h, w) of a tile those that are counted here, or of them those that hold data."""
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
        middles = (
            np.minimum(np.arange(places) * stride + stride // 2, side - 1)
            for places, side in zip(features.shape[2:], valid.shape, strict=True)
        )
        holds = valid[np.ix_(*middles)][rows, columns]
        return core[:, :, torch.from_numpy(holds).to(core.device)][..., None]

    def _bands(
        self,
        read: Read,
        scene: Scene | None,
        kept: dict[tuple[int, int], HeadFeatures],
        advance: Callable[[], object],
    ) -> Iterator[Band]:
        """The second pass."""
        network, stride = self.engine.network, self._stride
        of_rows, of_columns = (
            [torch.from_numpy(each).to(self.engine.device) for each in weights(tiles, stride, places)]
            for tiles, places in zip((self._rows, self._columns), self.places, strict=True)
        )
        above: Tensor | None = None  # the last row that was complete, and those to which this row of tiles adds
        for i, (row, of_row) in enumerate(zip(self._rows, of_rows, strict=True)):
            repeated = 0 if above is None else 1
            with self.engine.computing():
                band = of_row.new_zeros(1, network.num_classes, repeated + len(of_row), self.places[1])
                if above is not None:
                    band[:, :, : above.shape[2]] = above
            for column, of_column in zip(self._columns, of_columns, strict=True):
                with self.engine.computing():  # not around `yield`: it would hold for whoever asks for bands
                    features = kept.pop((row.start, column.start), None) or self._prepared(read, row, column)[0]
                    if features is not None:
                        left = column.start // stride
                        place = band[:, :, repeated:, left : left + len(of_column)]
                        place += network.classify(features, scene) * (of_row[:, None] * of_column)
                    del features
                advance()
            top = row.start // stride - repeated
            complete = self._rows[i + 1].start // stride - top if i + 1 < len(self._rows) else band.shape[2]
            above = band[:, :, complete - 1 :].clone()
            yield Band(top, band[:, :, :complete])
            del band

    def _prepared(self, read: Read, row: Span, column: Span) -> tuple[HeadFeatures | None, np.ndarray | None]:
        """Features of a tile, None where no pixel holds data; and which pixels do."""
        pixels, valid = read(slice(row.start, row.stop), slice(column.start, column.stop))
        if valid is not None and not valid.any():
            return None, valid
        return self.engine.network.prepare(self.engine.normalised(pixels[None])), valid

    def _places(self, side: int) -> int:
        """Of a side of an image: how many class scores lie along it."""
        rest = ALIGNMENT + side % ALIGNMENT
        return (side // ALIGNMENT - 1) * ALIGNMENT // self._stride + self._places_of((rest, ALIGNMENT))[1]

    def _places_of(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows of features and of class scores that the network has for an image of a size."""
        with self.engine.computing():
            features = self.engine.network.prepare(self.engine.normalised(np.zeros((1, *size, 3), np.uint8)))
            return features.features.shape[2], self.engine.network.classify(features, None).shape[2]


def _bytes(features: HeadFeatures) -> int:
    return sum(each.nbytes for each in (features.features, *features.finer))


def _nothing() -> None:
    return None
