"""Named protocols against the older code bases, written out in float64 (tests/fixtures/peer_protocols.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peer_protocols import MEAN, SIX_SCALES, STD, Toy, by_mmseg, by_pytorch_encoding, logits_of, softmax, toy

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import NAMED, Protocol, named_protocol
from encnet.inference.protocols.sliding_window import segment


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, height, width)).astype(np.float32).astype(np.float64)


def run(model: EncNet, image: np.ndarray, protocol: Protocol) -> np.ndarray:
    return segment(model, torch.tensor(image, dtype=torch.float32)[None], protocol)[0][0].double().numpy()


@pytest.mark.parametrize("name", ["pytorch-encoding", "pytorch-encoding-single"])
@settings(deadline=None, max_examples=15)
@given(st.integers(4, 14), st.integers(4, 14), st.integers(4, 16), st.integers(3, 11), st.booleans())
def test_pytorch_encoding_protocols_agree_with_pytorch_encoding(
    name: str, height: int, width: int, base: int, crop: int, aligned: bool
) -> None:
    image, single = noise(height, width), name.endswith("single")
    protocol = replace(named_protocol(name), crop=(crop, crop), long_side=base)
    scales, flip = ((1.0,), False) if single else (SIX_SCALES, True)
    expected = by_pytorch_encoding(logits_of(toy(aligned)), image, base, crop, scales, flip, aligned)
    np.testing.assert_allclose(run(toy(aligned), image, protocol), expected, atol=1e-5)


@settings(deadline=None, max_examples=15)
@given(st.integers(2, 14), st.integers(2, 14), st.booleans())
def test_mmseg_protocols_agree_with_mmsegmentation(height: int, width: int, aligned: bool) -> None:
    image = noise(height, width)
    whole = by_mmseg(logits_of(toy(aligned)), image, (1.0,), False, aligned, None)
    np.testing.assert_allclose(run(toy(aligned), image, named_protocol("mmseg")), whole, atol=1e-5)
    averaged = by_mmseg(logits_of(toy(aligned)), image, SIX_SCALES, True, aligned, None)
    np.testing.assert_allclose(run(toy(aligned), image, named_protocol("mmseg-ms")), averaged, atol=1e-5)


@settings(deadline=None, max_examples=15)
@given(st.integers(4, 20), st.integers(4, 20), st.integers(3, 12), st.booleans(), st.booleans())
def test_mmseg_slide_agrees_with_mmsegmentation(height: int, width: int, crop: int, flip: bool, aligned: bool) -> None:
    image = noise(height, width)
    scales = (1.0, 1.5) if flip else (1.0,)
    protocol = replace(named_protocol("mmseg-slide"), crop=(crop, crop), scales=scales, flip=flip)
    assert protocol.steps is not None
    expected = by_mmseg(logits_of(toy(aligned)), image, scales, flip, aligned, (crop, protocol.steps[0]))
    np.testing.assert_allclose(run(toy(aligned), image, protocol), expected, atol=1e-5)


def windows(protocol: Protocol, height: int, width: int) -> list[tuple[int, ...]]:
    """Height, width, top and left of each window that the network sees."""
    model = Toy(align_corners=True)
    rows = torch.arange(height, dtype=torch.float32)[:, None].expand(height, width)
    columns = torch.arange(width, dtype=torch.float32).expand(height, width)
    segment(cast(EncNet, model), torch.stack([rows, columns, rows])[None], protocol)
    return model.windows


def test_windows_of_the_769_configurations_are_those_of_mmsegmentation() -> None:
    protocol = replace(named_protocol("mmseg-slide"), crop=(769, 769))
    assert protocol.steps == (513, 513)
    expected = [(769, 769, top, left) for top in (0, 256) for left in (0, 513, 1026, 1280)]
    assert windows(protocol, 1025, 2049) == expected
    assert replace(protocol, crop=(512, 512)).steps == (341, 341)
    assert windows(protocol, 600, 800) == [(600, 769, 0, 0), (600, 769, 0, 31)]  # a smaller image is not padded


def test_windows_of_pytorch_encoding_keep_the_stride_and_are_padded() -> None:
    protocol = replace(named_protocol("pytorch-encoding-single"), crop=(48, 48), long_side=100)
    assert windows(protocol, 60, 100) == [(48, 48, top, left) for top in (0, 32) for left in (0, 32, 64)]
    assert windows(replace(protocol, long_side=48), 30, 48) == [(48, 48, 0, 0)]
    assert len(windows(replace(named_protocol("pytorch-encoding"), crop=(48, 48), long_side=52), 52, 52)) == 2 * (
        1 + 1 + 4 + 4 + 4 + 9  # long sides 26, 39, 52, 65, 78 and 91
    )


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(sorted({*NAMED} - {"tiled"})), st.integers(3, 12), st.integers(3, 12), st.integers(2, 9))
def test_windows_change_nothing_if_logits_depend_on_the_pixel_alone(
    name: str, height: int, width: int, crop: int
) -> None:
    image, model = noise(height, width), toy(align_corners=True, context=0)
    protocol = replace(named_protocol(name), crop=(crop, crop), long_side=max(height, width), scales=(1.0,))
    expected = softmax(logits_of(model)(image) * (2 if protocol.average == "exp" and protocol.flip else 1))
    np.testing.assert_allclose(run(model, image, protocol), expected, atol=1e-5)


def test_a_predictor_agrees_with_pytorch_encoding() -> None:
    """A network with random weights and normalised activations."""
    torch.manual_seed(0)
    model = create_model("encnet_tiny", num_classes=3, align_corners=True, mean=tuple(MEAN), std=tuple(STD))
    with torch.no_grad():
        for _ in range(10):
            model.train()(torch.randn(4, 3, 32, 32))
    model.eval().info.training = {"crop": [32, 32], "base_size": 36}
    predictor = Predictor(model, "pytorch-encoding", device="cpu")
    pixels = torch.randint(0, 256, (1, 3, 30, 41), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    image = (pixels[0].numpy() / 255 - np.array(MEAN)[:, None, None]) / np.array(STD)[:, None, None]
    with torch.no_grad():
        expected = by_pytorch_encoding(logits_of(model), image, 36, 32, SIX_SCALES, True, True)
    probabilities, presence = predictor.probabilities(pixels)
    np.testing.assert_allclose(probabilities[0].double().numpy(), expected, atol=1e-4)
    assert presence is not None
    assert presence.shape == (1, 3)
