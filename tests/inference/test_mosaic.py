"""A mosaic against the network over the whole image: the same sums, the same scores, the same labels."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from block_network import BLOCK, block_network
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from encnet.inference.context_memory import ContextMemory
from encnet.inference.decide import most_probable
from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.inference.grid import ALIGNMENT, Read, Window
from encnet.inference.mosaic import Mosaic
from encnet.inference.tiled import labels_in_tiles, scores_in_tiles
from encnet.model.encoding import EncodingSums
from encnet.model.variants import create_model


class Recording(ContextMemory):
    """Keeps the sums of the first pass."""

    def __init__(self) -> None:
        super().__init__(0)
        self.sums: list[EncodingSums] = []

    def __call__(self, sums: EncodingSums) -> EncodingSums:
        self.sums.append(sums)
        return sums


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Colours that change slowly, so that parts of it are scenes of their own."""
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (-(-height // 40) + 1, -(-width // 40) + 1, 3))
    return small.repeat(40, 0).repeat(40, 1)[:height, :width].astype(np.uint8)


def reader(image: np.ndarray, valid: np.ndarray | None = None) -> Read:
    return lambda rows, columns: Window(image[rows, columns], None if valid is None else valid[rows, columns])


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
def test_where_a_tile_knows_what_the_image_knows_it_says_the_same(
    size: tuple[int, int], tile: tuple[int, int], share: float, kept_bytes: int, seed: int
) -> None:
    engine = PyTorchEngine(block_network(seed), device="cpu")
    margin = ALIGNMENT * int(share * (min(tile) + 1) / 2)
    margin = margin if 2 * margin < ALIGNMENT * min(tile) else 0
    mosaic = Mosaic(engine, size, (ALIGNMENT * tile[0], ALIGNMENT * tile[1]), margin, kept_bytes)
    image = picture(*size, seed)[None]
    whole = engine(image)
    assert isinstance(whole.logits, Tensor)
    assert isinstance(whole.presence, Tensor)
    assert mosaic.places == tuple(whole.logits.shape[2:])
    found = scores_in_tiles(mosaic, image)
    assert isinstance(found.logits, Tensor)
    assert isinstance(found.presence, Tensor)
    close(found.logits, whole.logits)
    close(found.presence, whole.presence)
    labels, presence = labels_in_tiles(mosaic, image, size)
    assert presence is not None
    np.testing.assert_array_equal(labels, most_probable(found.logits, size).numpy())
    np.testing.assert_allclose(presence, found.presence.numpy())


def test_sums_of_the_first_pass_are_those_of_the_equations() -> None:
    """Each place of the features once, in float64, as loops over places."""
    size, network = (150, 230), block_network()
    engine = PyTorchEngine(network, device="cpu")
    image, memory = picture(*size), Recording()
    Mosaic(engine, size, (96, 96), 32).run(reader(image), memory)
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


@pytest.mark.parametrize("variant", ["encnet_tiny", "encnet_lite0", "encnet_jpu_resnet50", "encnet_resnet50_fullres"])
def test_every_head(variant: str) -> None:
    """Its scores lie where those of the whole image do; in one tile they are the same."""
    torch.manual_seed(0)
    engine = PyTorchEngine(create_model(variant, num_classes=2), device="cpu")
    image = picture(50, 71)[None]
    whole, found = engine(image), scores_in_tiles(Mosaic(engine, (50, 71), (64, 96), 0), image)
    assert isinstance(whole.logits, Tensor)
    assert isinstance(found.logits, Tensor)
    close(found.logits, whole.logits)
    image = picture(66, 135)[None]
    mosaic = Mosaic(engine, (66, 135), (64, 64), 0)
    assert mosaic.places == engine(image).logits.shape[2:]
    assert scores_in_tiles(mosaic, image).logits.shape[2:] == mosaic.places


def test_far_from_the_ends_of_tiles_a_network_says_what_it_says_of_the_whole_image() -> None:
    """The compact network sees 116 pixels far: cores, 128 from where tiles end, are exact, and so is the scene."""
    torch.manual_seed(0)
    network = create_model("encnet_tiny", num_classes=5)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # residual branches that do not start at zero
            torch.nn.init.uniform_(module.weight, 0.5, 1.0)
    engine, size = PyTorchEngine(network, device="cpu"), (288, 608)
    image = picture(*size)[None]
    whole, found = engine(image), scores_in_tiles(Mosaic(engine, size, (320, 448), 128), image)
    assert isinstance(whole.logits, Tensor)
    assert isinstance(found.logits, Tensor)
    assert isinstance(whole.presence, Tensor)
    assert isinstance(found.presence, Tensor)
    close(found.presence, whole.presence, 1e-5)
    # Of two tiles, to 448 and from 160 on, the first counts to 376 and the second from 232 on.
    exact = [*range(232 // 8), *range(376 // 8, size[1] // 8)]
    close(found.logits[..., exact], whole.logits[..., exact], 1e-4)
    bare = scores_in_tiles(Mosaic(engine, size, (320, 320), 0), image).logits
    assert isinstance(bare, Tensor)
    assert (bare - whole.logits).abs().max() > 1e-3  # without margins tiles end where they count


def test_features_are_kept_while_they_fit() -> None:
    engine, size = PyTorchEngine(block_network(), device="cpu"), (160, 160)
    image, calls = picture(*size), []

    def read(rows: slice, columns: slice) -> Window:
        calls.append((rows.start, columns.start))
        return Window(image[rows, columns])

    feature_bytes = 8 * (96 // BLOCK) ** 2 * 4
    for kept, expected in ((0, 18), (10**9, 9), (2 * feature_bytes, 16)):
        calls.clear()
        steps: list[int] = []
        mosaic = Mosaic(engine, size, (96, 96), 32, kept_bytes=kept)
        assert mosaic.tiles == 9
        for _ in mosaic.run(read, advance=lambda steps=steps: steps.append(1)).bands:
            pass
        assert len(calls) == expected
        assert len(set(calls)) == 9
        assert len(steps) == 18


def test_bands_are_no_higher_than_a_tile() -> None:
    engine = PyTorchEngine(block_network(), device="cpu")
    mosaic = Mosaic(engine, (500, 70), (96, 96), 32)
    bands = list(mosaic.run(reader(picture(500, 70))).bands)
    assert len(bands) > 5
    assert max(band.logits.shape[2] for band in bands) <= 96 // BLOCK + 1
    for before, after in pairwise(bands):
        assert after.top == before.top + before.logits.shape[2] - 1
        torch.testing.assert_close(after.logits[:, :, 0], before.logits[:, :, -1])


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(333, 111), (90, 400), (7, 9)])
def test_strips_are_the_labels_of_the_whole_map(size: tuple[int, int], align_corners: bool) -> None:
    """Also of an image of another size than the one that the network saw."""
    engine = PyTorchEngine(block_network(align_corners=align_corners), device="cpu")
    image = picture(250, 120)[None]
    mosaic = Mosaic(engine, (250, 120), (64, 64), 0)
    logits = scores_in_tiles(mosaic, image).logits
    assert isinstance(logits, Tensor)
    labels, _ = labels_in_tiles(mosaic, image, size)
    np.testing.assert_array_equal(labels, most_probable(logits, size, align_corners).numpy())


def test_without_a_context_there_is_one_pass() -> None:
    engine = PyTorchEngine(block_network(context=False), device="cpu")
    image, calls = picture(160, 160), []

    def read(rows: slice, columns: slice) -> Window:
        calls.append(rows)
        return Window(image[rows, columns])

    mosaic = Mosaic(engine, (160, 160), (96, 96), 32)
    presence, bands = mosaic.run(read)
    assert presence is None
    logits = engine(image[None]).logits
    assert isinstance(logits, Tensor)
    close(torch.cat([rows[:, :, top > 0 :] for top, rows in bands], dim=2), logits)
    assert len(calls) == mosaic.tiles


def test_pixels_without_data_are_no_context() -> None:
    """The sums are those of the places that hold data; what is in the others changes nothing."""
    engine, size = PyTorchEngine(block_network(), device="cpu"), (200, 264)
    valid = np.zeros(size, bool)
    valid[24:120, 40:216] = valid[160:176, :32] = True
    first, second = picture(*size), picture(*size, seed=1)
    second[valid] = first[valid]
    results = []
    for image in (first, second):
        memory = Recording()
        mosaic = Mosaic(engine, size, (96, 96), 32)
        presence, bands = mosaic.run(reader(image, valid), memory)
        assert presence is not None
        results.append((memory.sums[0], presence, torch.cat([rows[:, :, top > 0 :] for top, rows in bands], dim=2)))
    (sums, presence, logits), (same_sums, same_presence, same_logits) = results
    assert sums.pixels == valid.sum() / BLOCK**2
    assert float(sums.mass.sum()) == pytest.approx(sums.pixels, rel=1e-5)
    close(sums.features, same_sums.features)
    close(presence, same_presence)
    holds = torch.from_numpy(valid[::BLOCK, ::BLOCK])
    decided = logits.argmax(dim=1)[0][holds]
    assert torch.equal(decided, same_logits.argmax(dim=1)[0][holds])


def test_nothing_is_computed_where_nothing_holds_data(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, size = PyTorchEngine(block_network(), device="cpu"), (100, 500)
    mosaic = Mosaic(engine, size, (96, 96), 0)
    valid = np.zeros(size, bool)
    prepared: list[int] = []
    prepare: Callable[[Tensor], object] = engine.network.prepare
    monkeypatch.setattr(engine.network, "prepare", lambda images: prepared.append(1) or prepare(images))
    presence, bands = mosaic.run(reader(picture(*size), valid))
    assert presence is None
    assert sum(rows.shape[2] - (top > 0) for top, rows in bands) == mosaic.places[0]
    assert not prepared
    valid[:20, :20] = True
    presence, bands = mosaic.run(reader(picture(*size), valid))
    list(bands)
    assert presence is not None
    assert len(prepared) == 1


def test_half_precision_is_close() -> None:
    size, network = (130, 200), block_network()
    image = picture(*size)[None]
    full, half = (
        scores_in_tiles(Mosaic(PyTorchEngine(network, "cpu", precision), size, (96, 96), 32), image)
        for precision in ("fp32", "bf16")
    )
    assert isinstance(full.logits, Tensor)
    assert isinstance(half.logits, Tensor)
    assert half.logits.dtype == torch.float32
    assert 0 < float((full.logits - half.logits).abs().max()) < 0.1
