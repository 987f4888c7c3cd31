"""``OwnContextTiles`` against the network run on each tile alone."""

from __future__ import annotations

import numpy as np
import pytest
from block_network import block_network
from block_pictures import block_picture

from encnet.data.raster import Region
from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.inference.protocols.own_context import OwnContextTiles
from encnet.inference.protocols.tile_grid import Read, spans
from encnet.inference.protocols.tiles import on_host

SIZE, TILE, MARGIN = (160, 224), (96, 128), 32


@pytest.fixture(scope="module")
def engine() -> PyTorchEngine:
    return PyTorchEngine(block_network(), device="cpu")


def reader(image: np.ndarray, valid: np.ndarray | None = None) -> Read:
    return lambda rows, columns: Region(image[rows, columns], None if valid is None else valid[rows, columns])


def whole(tiles: OwnContextTiles, read: Read) -> tuple[np.ndarray, np.ndarray | None]:
    """The scores of the whole image, (classes, h, w), and presence."""
    presence, bands = tiles.run(read)
    scores = np.concatenate([rows[0][:, top > 0 :] for top, rows in bands], axis=1)
    return scores, presence


def test_each_tile_has_the_scores_of_the_network_on_it_alone(engine: PyTorchEngine) -> None:
    image = block_picture(*SIZE, side=24, bands=3)
    tiles = OwnContextTiles(engine, SIZE, TILE, MARGIN)
    scores, presence = whole(tiles, reader(image))
    rows, columns = (spans(side, tile, MARGIN) for side, tile in zip(SIZE, TILE, strict=True))
    assert (len(rows), len(columns)) == (3, 3) and tiles.count == 9 and tiles.passes == 1
    stride = SIZE[0] // scores.shape[1]
    highest = np.zeros(4)
    for row in rows:
        for column in columns:
            alone = engine(image[None, row.start : row.stop, column.start : column.stop])
            # The quarter of an overlap next to the end of a tile has no weight, so that places near its middle are
            # of one tile alone: those that no other tile reaches.
            for y in range(row.start, row.stop, stride):
                for x in range(column.start, column.stop, stride):
                    covering = sum(r.start <= y < r.stop and c.start <= x < c.stop for r in rows for c in columns)
                    if covering == 1:
                        found = scores[:, y // stride, x // stride]
                        wanted = on_host(alone.logits)[0, :, (y - row.start) // stride, (x - column.start) // stride]
                        np.testing.assert_allclose(found, wanted, atol=1e-4)
            highest = np.maximum(highest, on_host(alone.presence)[0])
    assert presence is not None
    np.testing.assert_allclose(presence[0], highest, atol=1e-5)


def test_a_tile_without_data_is_not_looked_at(engine: PyTorchEngine) -> None:
    image = block_picture(*SIZE, side=24, bands=3)
    valid = np.zeros(SIZE, bool)
    valid[:32, :32] = True
    seen: list[tuple[int, int]] = []

    class Counting:
        name, precision, device, description = engine.name, engine.precision, engine.device, engine.description

        def __call__(self, images: np.ndarray) -> object:
            seen.append(images.shape[1:3])
            return engine(images)

    tiles = OwnContextTiles(Counting(), SIZE, TILE, MARGIN)  # pyright: ignore[reportArgumentType]
    seen.clear()
    whole(tiles, reader(image, valid))
    assert seen == [TILE]


def test_an_image_no_larger_than_a_tile_is_seen_as_a_whole(engine: PyTorchEngine) -> None:
    image = block_picture(64, 96, side=24, bands=3)
    scores, presence = whole(OwnContextTiles(engine, (64, 96), TILE, MARGIN), reader(image))
    output = engine(image[None])
    np.testing.assert_allclose(scores, on_host(output.logits)[0], atol=1e-5)
    assert presence is not None
    np.testing.assert_allclose(presence, on_host(output.presence), atol=1e-6)
