"""Own-context tiles: images of any size in any engine, each tile with the context of what it shows alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from encnet.inference.engines.engine import Engine
from encnet.inference.protocols.tile_grid import Read, Span
from encnet.inference.protocols.tiles import BlendedTiles, TiledScores, nothing, on_host


class OwnContextTiles(BlendedTiles):
    """Runs a network over images of one size in tiles that do not share a context, in one pass.

    It needs no more of a network than its scores, so that every engine runs it. A class is in an image if it is in any
    of its tiles: presence is the maximum over tiles, as in the sliding windows of the older implementations.

    Args:
        engine: any engine.
        size: height and width of the images in pixels.
        tile: height and width of the tiles in pixels, as in :func:`encnet.inference.protocols.tile_grid.spans`.
        margin: margin in pixels, as in :func:`encnet.inference.protocols.tile_grid.spans`.
    """

    def __init__(self, engine: Engine, size: tuple[int, int], tile: tuple[int, int], margin: int) -> None:
        self._engine = engine
        super().__init__(engine, size, tile, margin)

    @property
    def passes(self) -> int:
        return 1

    def run(self, read: Read, *, advance: Callable[[], object] | None = None) -> TiledScores:
        presence = np.zeros((1, self.description.num_classes), np.float32) if self.description.presence else None

        def scores(row: Span, column: Span) -> np.ndarray | None:
            pixels, valid = read(slice(row.start, row.stop), slice(column.start, column.stop))
            if valid is not None and not valid.any():
                return None
            output = self._engine(pixels[None])
            if presence is not None and output.presence is not None:
                np.maximum(presence, on_host(output.presence), out=presence)
            return np.asarray(on_host(output.logits), np.float32)

        return TiledScores(presence, self._blended(scores, advance or nothing))

    def _array(self, values: np.ndarray) -> np.ndarray:
        return values

    def _places_of(self, size: tuple[int, int]) -> int:
        return self._engine(np.zeros((1, *size, len(self.description.info.mean)), np.uint8)).logits.shape[2]
