"""Tiles of an image of any size whose class scores are blended where they overlap, band by band.

Nothing here needs PyTorch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from encnet.inference.argmax import Strip, decidable, most_probable
from encnet.inference.engines.description import Description
from encnet.inference.engines.engine import Engine
from encnet.inference.protocols.tile_grid import ALIGNMENT, Read, Span, spans, weights

Array = Any
"""An array, or a tensor of PyTorch on any device."""


class Band(NamedTuple):
    """A band of rows of the class scores of an image."""

    top: int  #: index of the first row; from the second band on, that is the last row of the band before
    logits: Array  #: (1, classes, rows, w) float32, at the resolution of the network's head


class TiledScores(NamedTuple):
    """The prediction of an image in tiles."""

    presence: Array | None
    """(1, classes), the probability, 0-1, that each class is in the image; complete when the bands are consumed."""
    bands: Iterator[Band]
    """From top to bottom, computed on demand."""


class BlendedTiles(ABC):
    """Tiles of images of one size; subclasses say how the scores of a tile are computed.

    Memory holds the class scores of one row of tiles.

    Args:
        engine: engine with the network.
        size: height and width of the images in pixels.
        tile: height and width of the tiles in pixels, as in :func:`encnet.inference.protocols.tile_grid.spans`.
        margin: margin in pixels, as in :func:`encnet.inference.protocols.tile_grid.spans`.

    Attributes:
        size: height and width of the images in pixels.
        places: number of rows and columns of the class scores of a whole image.
    """

    def __init__(self, engine: Engine, size: tuple[int, int], tile: tuple[int, int], margin: int) -> None:
        self.description: Description = engine.description
        self.size: tuple[int, int] = size
        self._rows, self._columns = (spans(side, length, margin) for side, length in zip(size, tile, strict=True))
        # The number of places grows by a fixed amount per block of pixels, so small images tell that of a large one.
        block = 2 * ALIGNMENT
        self._stride = block // self._places_of((block, block))
        self.places: tuple[int, int] = (self._places(size[0]), self._places(size[1]))

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self._rows) * len(self._columns)

    @property
    @abstractmethod
    def passes(self) -> int:
        """How often :meth:`run` visits a tile."""

    @abstractmethod
    def run(self, read: Read, *, advance: Callable[[], object] | None = None) -> TiledScores:
        """Runs over an image; its bands are computed on demand as they are consumed.

        Args:
            read: reads the pixels of a tile.
            advance: called after each tile in each pass, ``passes * count`` times.
        """

    @abstractmethod
    def _places_of(self, size: tuple[int, int]) -> int:
        """Number of rows of the class scores of an image of a size."""

    @abstractmethod
    def _array(self, values: np.ndarray) -> Array:
        """An array where scores are computed."""

    def _computing(self) -> AbstractContextManager[object]:
        """The context in which scores are computed."""
        return nullcontext()

    def strips(self, bands: Iterable[Band], size: tuple[int, int]) -> Iterator[np.ndarray]:
        """The most probable class of every pixel of an image of ``size``, in strips (rows, width), top to bottom."""
        decided, align_corners = 0, self.description.align_corners
        for top, logits in bands:
            until = decidable(self.places[0], size[0], top + logits.shape[2], align_corners)
            if until > decided:
                strip = Strip(top, self.places[0], slice(decided, until))
                yield on_host(most_probable(logits, size, align_corners, strip)[0])
            del logits
            decided = until

    def _blended(self, scores: Callable[[Span, Span], Array | None], advance: Callable[[], object]) -> Iterator[Band]:
        """The blended class scores of all tiles.

        Args:
            scores: computes the scores of a tile, (1, classes, h, w); None if no pixel of it holds data.
            advance: called after each tile.
        """
        stride = self._stride
        row_weights, column_weights = (
            [self._array(weight) for weight in weights(tiles, stride, places)]
            for tiles, places in zip((self._rows, self._columns), self.places, strict=True)
        )
        above: Array | None = None  # the last complete row, and the incomplete rows that the next row of tiles adds to
        for i, (row, row_weight) in enumerate(zip(self._rows, row_weights, strict=True)):
            repeated = 0 if above is None else 1
            with self._computing():
                shape = (1, self.description.num_classes, repeated + len(row_weight), self.places[1])
                band = self._array(np.zeros(shape, np.float32))
                if above is not None:
                    band[:, :, : above.shape[2]] = above
            for column, column_weight in zip(self._columns, column_weights, strict=True):
                with self._computing():  # not around `yield`, where it would apply to the caller
                    of_tile = scores(row, column)
                    if of_tile is not None:
                        left = column.start // stride
                        region = band[:, :, repeated:, left : left + len(column_weight)]
                        region += of_tile * (row_weight[:, None] * column_weight)
                    del of_tile
                advance()
            top = row.start // stride - repeated
            complete = self._rows[i + 1].start // stride - top if i + 1 < len(self._rows) else band.shape[2]
            above = _copied(band[:, :, complete - 1 :])
            yield Band(top, band[:, :, :complete])
            del band

    def _places(self, side: int) -> int:
        """Number of class scores along a side of an image."""
        rest = ALIGNMENT + side % ALIGNMENT
        return (side // ALIGNMENT - 1) * ALIGNMENT // self._stride + self._places_of((rest, ALIGNMENT))


def on_host(values: Array) -> np.ndarray:
    """An array in the memory of the processor."""
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()


def _copied(values: Array) -> Array:
    return values.copy() if isinstance(values, np.ndarray) else values.clone()


def nothing() -> None:
    """Does nothing: for callers that do not want to know of progress."""
