"""The context memory is a weighted mean over time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from block_network import block_network

from encnet.inference.media.context_memory import ContextMemory
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import Protocol
from encnet.model.encoding import EncodingSums
from encnet.system.errors import InputError


def sums(seed: int, pixels: int) -> EncodingSums:
    generator = torch.Generator().manual_seed(seed)
    features = torch.rand(1, 3, 5, generator=generator, dtype=torch.float64) * pixels
    return EncodingSums(features, torch.rand(1, 3, generator=generator, dtype=torch.float64) * pixels, pixels)


@pytest.mark.parametrize("weight", [0.0, 0.5, 0.9])
def test_the_mean_follows_its_equation(weight: float) -> None:
    memory, images = ContextMemory(weight), [sums(seed, pixels) for seed, pixels in enumerate((40, 40, 10, 70))]
    for t in range(len(images)):
        context = memory(images[t])
        weights = [(1 - weight) * weight ** (t - i) if i > 0 else weight**t for i in range(t + 1)]
        assert sum(weights) == pytest.approx(1)
        for name in ("features", "mass"):
            means = [getattr(image, name) / image.pixels for image in images[: t + 1]]
            expected = images[t].pixels * sum(w * mean for w, mean in zip(weights, means, strict=True))
            torch.testing.assert_close(getattr(context, name), expected)
        assert context.pixels == pytest.approx(images[t].pixels)


@pytest.mark.parametrize("weight", [-0.1, 1, 7.5])
def test_a_weight_out_of_range_is_an_error(weight: float) -> None:
    with pytest.raises(InputError, match=f"context_memory is {weight}; it must be at least 0 and below 1"):
        ContextMemory(weight)


def frames() -> np.ndarray:
    """Frames whose colour changes from one to the next."""
    return np.random.default_rng(0).integers(0, 256, (3, 1, 1, 3), np.uint8).repeat(70, 1).repeat(90, 2)


@pytest.mark.parametrize("protocol", [Protocol(), Protocol("tiled", (64, 64), margin=0)])
def test_the_first_frame_and_weight_zero_are_predicted_as_without_memory(protocol: Protocol) -> None:
    predictor = Predictor(block_network(), protocol, device="cpu")
    labels, presence = predictor.labels(frames())
    for weight, same in ((0.0, slice(None)), (0.9, slice(1))):
        with_memory, presence_with_memory = predictor.labels(frames(), ContextMemory(weight))
        assert presence is not None
        assert presence_with_memory is not None
        np.testing.assert_array_equal(with_memory[same], labels[same])
        np.testing.assert_allclose(presence_with_memory[same], presence[same], atol=1e-5)
        assert weight == 0 or (np.abs(presence_with_memory[1:] - presence[1:]) > 1e-4).any()


def test_a_memory_makes_presence_change_less() -> None:
    predictor = Predictor(block_network(), device="cpu")
    steps = []
    for memory in (None, ContextMemory(0.9)):
        presence = predictor.labels(frames(), memory)[1]
        assert presence is not None
        steps.append(np.abs(np.diff(presence, axis=0)).max())
    assert steps[1] < 0.3 * steps[0]


def test_a_memory_needs_one_context_per_image() -> None:
    predictor = Predictor(block_network(context=False), device="cpu")
    with pytest.raises(InputError, match="blocks has no context encoding"):
        predictor.labels(frames(), ContextMemory(0.5))
    predictor = Predictor(block_network(), Protocol(flip=True), device="cpu")
    with pytest.raises(InputError, match="has several contexts per image; take plain or tiled"):
        predictor.labels(frames(), ContextMemory(0.5))
