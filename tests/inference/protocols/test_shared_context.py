"""Shared-context tiles against the network over the whole image: the same sums, scores and labels."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from block_network import BLOCK, block_network
from block_pictures import block_picture
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from encnet.checkpoint.create import create_model
from encnet.data.raster import Region
from encnet.inference.argmax import most_probable
from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.inference.media.context_memory import ContextMemory
from encnet.inference.protocols.shared_context import SharedContextTiles
from encnet.inference.protocols.shared_context_images import labels_in_tiles, scores_in_tiles
from encnet.inference.protocols.tile_grid import ALIGNMENT, Read
from encnet.model.encoding import EncodingSums


class Recording(ContextMemory):
    """Records the sums of the first pass."""

    def __init__(self) -> None:
        super().__init__(0)
        self.sums: list[EncodingSums] = []

    def __call__(self, sums: EncodingSums) -> EncodingSums:
        self.sums.append(sums)
        return sums


def reader(image: np.ndarray, valid: np.ndarray | None = None) -> Read:
    return lambda rows, columns: Region(image[rows, columns], None if valid is None else valid[rows, columns])


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)


tile_sides = st.integers(1, 5)


@settings(deadline=None, max_examples=40)
@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    tile=st.tuples(tile_sides, tile_sides),
    share=st.floats(0, 0.99),
    kept_bytes=st.sampled_from([0, 20_000, 10**9]),
    seed=st.integers(0, 5),
)
def test_tiles_change_nothing_if_the_backbone_sees_single_blocks(
    size: tuple[int, int], tile: tuple[int, int], share: float, kept_bytes: int, seed: int
) -> None:
    engine = PyTorchEngine(block_network(seed), device="cpu")
    margin = ALIGNMENT * int(share * (min(tile) + 1) / 2)
    margin = margin if 2 * margin < ALIGNMENT * min(tile) else 0
    tiles = SharedContextTiles(engine, size, (ALIGNMENT * tile[0], ALIGNMENT * tile[1]), margin, kept_bytes)
    image = block_picture(*size, seed)[None]
    whole = engine(image)
    assert isinstance(whole.logits, Tensor) and isinstance(whole.presence, Tensor)
    assert tiles.places == tuple(whole.logits.shape[2:])
    found = scores_in_tiles(tiles, image)
    assert isinstance(found.logits, Tensor) and isinstance(found.presence, Tensor)
    close(found.logits, whole.logits)
    close(found.presence, whole.presence)
    labels, presence = labels_in_tiles(tiles, image, size)
    assert presence is not None
    np.testing.assert_array_equal(labels, most_probable(found.logits, size).numpy())
    np.testing.assert_allclose(presence, found.presence.numpy())


def test_sums_of_the_first_pass_are_those_of_the_equations() -> None:
    """In float64, as loops over the places of the features, each of which counts once."""
    size, network = (150, 230), block_network()
    engine = PyTorchEngine(network, device="cpu")
    image, memory = block_picture(*size), Recording()
    SharedContextTiles(engine, size, (96, 96), 32).run(reader(image), memory=memory)
    with torch.no_grad():
        features = network.prepare(engine.normalised(image[None])).features
        assert network.head.context is not None
        encoding = network.head.context.semantics.encoding
        projected = network.head.context.semantics.projection(features).double()[0]
        D, scale = encoding.codewords.double(), encoding.scale.double()
        weighted, mass = torch.zeros_like(D), torch.zeros(len(D), dtype=torch.float64)
        for x in projected.flatten(1).T:
            a = (scale * ((x - D) ** 2).sum(dim=1)).softmax(dim=0)
            weighted, mass = weighted + a[:, None] * x, mass + a
    (found,) = memory.sums
    assert found.pixels == -(-size[0] // BLOCK) * -(-size[1] // BLOCK)
    close(found.features[0].double(), weighted, 1e-3)
    close(found.mass[0].double(), mass, 1e-3)


@pytest.mark.parametrize(
    "variant",
    [
        *("encnet_tiny", "encnet_lite0"),
        pytest.param("encnet_jpu_resnet50", marks=pytest.mark.slow),
        pytest.param("encnet_resnet50_fullres", marks=pytest.mark.slow),
    ],
)
def test_tiles_work_with_every_head(variant: str) -> None:
    """Scores have the positions of those of the whole image; in one tile they are the same."""
    torch.manual_seed(0)
    engine = PyTorchEngine(create_model(variant, num_classes=2), device="cpu")
    image = block_picture(50, 71)[None]
    whole, found = engine(image), scores_in_tiles(SharedContextTiles(engine, (50, 71), (64, 96), 0), image)
    assert isinstance(whole.logits, Tensor) and isinstance(found.logits, Tensor)
    close(found.logits, whole.logits)
    image = block_picture(66, 135)[None]
    tiles = SharedContextTiles(engine, (66, 135), (64, 64), 0)
    assert tiles.places == engine(image).logits.shape[2:]
    assert scores_in_tiles(tiles, image).logits.shape[2:] == tiles.places


def test_scores_far_from_the_ends_of_tiles_are_those_of_the_whole_image() -> None:
    """The compact network sees 116 pixels far: cores, 128 from the ends of tiles, are exact, and so is the context."""
    torch.manual_seed(0)
    network = create_model("encnet_tiny", num_classes=5)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # residual branches start at zero otherwise
            torch.nn.init.uniform_(module.weight, 0.5, 1.0)
    engine, size = PyTorchEngine(network, device="cpu"), (288, 608)
    image = block_picture(*size)[None]
    whole, found = engine(image), scores_in_tiles(SharedContextTiles(engine, size, (320, 448), 128), image)
    assert isinstance(whole.logits, Tensor) and isinstance(found.logits, Tensor)
    assert isinstance(whole.presence, Tensor) and isinstance(found.presence, Tensor)
    close(found.presence, whole.presence, 1e-5)
    # Two tiles overlap from 160 to 448; only from 232 to 376 are their scores blended.
    exact = [*range(232 // 8), *range(376 // 8, size[1] // 8)]
    close(found.logits[..., exact], whole.logits[..., exact], 1e-4)
    bare = scores_in_tiles(SharedContextTiles(engine, size, (320, 320), 0), image).logits
    assert isinstance(bare, Tensor)
    assert (bare - whole.logits).abs().max() > 1e-3  # without margins, cores extend to the ends of tiles


def test_features_are_kept_up_to_the_given_bytes() -> None:
    engine, size = PyTorchEngine(block_network(), device="cpu"), (160, 160)
    image, calls = block_picture(*size), []

    def read(rows: slice, columns: slice) -> Region:
        calls.append((rows.start, columns.start))
        return Region(image[rows, columns])

    feature_bytes = 8 * (96 // BLOCK) ** 2 * 4
    for kept, expected in ((0, 18), (10**9, 9), (2 * feature_bytes, 16)):
        calls.clear()
        steps: list[int] = []
        tiles = SharedContextTiles(engine, size, (96, 96), 32, kept_bytes=kept)
        assert tiles.count == 9
        for _ in tiles.run(read, advance=lambda steps=steps: steps.append(1)).bands:
            pass
        assert len(calls) == expected
        assert len(set(calls)) == 9
        assert len(steps) == 18


def test_bands_are_no_higher_than_a_tile() -> None:
    engine = PyTorchEngine(block_network(), device="cpu")
    tiles = SharedContextTiles(engine, (500, 70), (96, 96), 32)
    bands = list(tiles.run(reader(block_picture(500, 70))).bands)
    assert len(bands) > 5
    assert max(band.logits.shape[2] for band in bands) <= 96 // BLOCK + 1
    for before, after in pairwise(bands):
        assert after.top == before.top + before.logits.shape[2] - 1
        torch.testing.assert_close(after.logits[:, :, 0], before.logits[:, :, -1])


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(333, 111), (90, 400), (7, 9)])
def test_strips_are_the_labels_of_the_whole_score_map(size: tuple[int, int], align_corners: bool) -> None:
    """Also if the label map has another size than the image that the network saw."""
    engine = PyTorchEngine(block_network(align_corners=align_corners), device="cpu")
    image = block_picture(250, 120)[None]
    tiles = SharedContextTiles(engine, (250, 120), (64, 64), 0)
    logits = scores_in_tiles(tiles, image).logits
    assert isinstance(logits, Tensor)
    labels, _ = labels_in_tiles(tiles, image, size)
    np.testing.assert_array_equal(labels, most_probable(logits, size, align_corners).numpy())


def test_a_network_without_context_needs_one_pass() -> None:
    engine = PyTorchEngine(block_network(context=False), device="cpu")
    image, calls = block_picture(160, 160), []

    def read(rows: slice, columns: slice) -> Region:
        calls.append(rows)
        return Region(image[rows, columns])

    tiles = SharedContextTiles(engine, (160, 160), (96, 96), 32)
    presence, bands = tiles.run(read)
    assert presence is None
    logits = engine(image[None]).logits
    assert isinstance(logits, Tensor)
    close(torch.cat([rows[:, :, top > 0 :] for top, rows in bands], dim=2), logits)
    assert len(calls) == tiles.count


def test_pixels_without_data_do_not_count_as_context() -> None:
    """The sums are those of the places that hold data; the values of the others change nothing."""
    engine, size = PyTorchEngine(block_network(), device="cpu"), (200, 264)
    valid = np.zeros(size, bool)
    valid[24:120, 40:216] = valid[160:176, :32] = True
    first, second = block_picture(*size), block_picture(*size, seed=1)
    second[valid] = first[valid]
    results = []
    for image in (first, second):
        memory = Recording()
        tiles = SharedContextTiles(engine, size, (96, 96), 32)
        presence, bands = tiles.run(reader(image, valid), memory=memory)
        assert presence is not None
        results.append((memory.sums[0], presence, torch.cat([rows[:, :, top > 0 :] for top, rows in bands], dim=2)))
    (sums, presence, logits), (same_sums, same_presence, same_logits) = results
    assert sums.pixels == valid.sum() / BLOCK**2
    assert float(sums.mass.sum()) == pytest.approx(sums.pixels, rel=1e-5)
    close(sums.features, same_sums.features)
    close(presence, same_presence)
    holds_data = torch.from_numpy(valid[::BLOCK, ::BLOCK])
    assert torch.equal(logits.argmax(dim=1)[0][holds_data], same_logits.argmax(dim=1)[0][holds_data])


def test_tiles_without_data_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, size = PyTorchEngine(block_network(), device="cpu"), (100, 500)
    tiles = SharedContextTiles(engine, size, (96, 96), 0)
    valid = np.zeros(size, bool)
    prepared: list[int] = []
    prepare: Callable[[Tensor], object] = engine.network.prepare
    monkeypatch.setattr(engine.network, "prepare", lambda images: prepared.append(1) or prepare(images))
    presence, bands = tiles.run(reader(block_picture(*size), valid))
    assert presence is None
    assert sum(rows.shape[2] - (top > 0) for top, rows in bands) == tiles.places[0]
    assert not prepared
    valid[:20, :20] = True
    presence, bands = tiles.run(reader(block_picture(*size), valid))
    list(bands)
    assert presence is not None
    assert len(prepared) == 1


def test_half_precision_is_close() -> None:
    size, network = (130, 200), block_network()
    image = block_picture(*size)[None]
    full, half = (
        scores_in_tiles(SharedContextTiles(PyTorchEngine(network, "cpu", precision), size, (96, 96), 32), image)
        for precision in ("fp32", "bf16")
    )
    assert isinstance(full.logits, Tensor) and isinstance(half.logits, Tensor)
    assert half.logits.dtype == torch.float32
    assert 0 < float((full.logits - half.logits).abs().max()) < 0.1
