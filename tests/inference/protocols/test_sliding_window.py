"""``segment`` against the definition of protocols (tests/fixtures/protocol_oracle.py)."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from protocol_oracle import CLASSES, Toy, oracle, toy
from torch import Tensor

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.inference.protocols.protocol import Protocol
from encnet.inference.protocols.sliding_window import segment
from encnet.model.output import EncNetOutput


def pictures(height: int, width: int, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


protocols = st.builds(
    Protocol,
    mode=st.sampled_from(["whole", "sliding"]),
    crop=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    stride=st.sampled_from([0.3, 2 / 3, 1.0]),
    edge=st.sampled_from(["shift", "pad"]),
    scales=st.lists(st.sampled_from([0.5, 1.0, 1.5]), min_size=1, max_size=2).map(tuple),
    flip=st.booleans(),
    average=st.sampled_from(["softmax", "exp"]),
    resize=st.sampled_from(["antialias", "bilinear", "model"]),
    fill=st.booleans(),
)


@settings(deadline=None, max_examples=60)
@given(protocols, st.integers(1, 11), st.integers(1, 11))
def test_probabilities_follow_the_definition(protocol: Protocol, height: int, width: int) -> None:
    image = pictures(height, width)
    probabilities, _ = segment(toy(), image, protocol)
    np.testing.assert_allclose(probabilities[0].numpy(), oracle(toy(), image, protocol), atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(protocols, st.integers(2, 9), st.integers(2, 9))
def test_windows_change_nothing_without_context(protocol: Protocol, height: int, width: int) -> None:
    image = pictures(height, width, batch=2)
    sliding = replace(protocol, mode="sliding", scales=(1.0,))
    expected, _ = segment(toy(context=0), image, Protocol(flip=protocol.flip, average=protocol.average))
    probabilities, _ = segment(toy(context=0), image, sliding)
    torch.testing.assert_close(probabilities, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("crop", [(8, 9), (20, 9), (30, 30)])
def test_one_window_over_the_whole_image_changes_nothing(crop: tuple[int, int]) -> None:
    model = create_model("encnet_tiny", num_classes=CLASSES).eval()
    image = pictures(8, 9) if crop == (8, 9) else pictures(20, 9)
    for sliding, whole in zip(
        segment(model, image, Protocol("sliding", crop)), segment(model, image, Protocol()), strict=True
    ):
        assert sliding is not None
        assert whole is not None
        torch.testing.assert_close(sliding, whole, atol=1e-6, rtol=0)


@given(st.floats(0.01, 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 4))
@settings(deadline=None, max_examples=50)
def test_every_window_has_the_size_of_the_crop(stride: float, side: int, crop: int, height: int) -> None:
    sizes = []

    class Recording(Toy):
        def forward(self, images: Tensor) -> EncNetOutput:
            sizes.append(tuple(images.shape[-2:]))
            return super().forward(images)

    segment(cast(EncNet, Recording()), pictures(height, side), Protocol("sliding", (height, crop), stride, fill=False))
    assert set(sizes) == {(height, min(side, crop))}


def test_presence_is_the_maximum_over_windows_then_the_mean() -> None:
    image = pictures(4, 8)
    protocol = Protocol("sliding", (4, 4), stride=1, scales=(1, 2), flip=True)
    views = []
    for scaled in (image, F.interpolate(image, (8, 16), mode="bilinear", antialias=True)):
        for mirrored in (False, True):
            windows = [
                scaled[..., y : y + 4, x : x + 4]
                for y in range(0, scaled.shape[2], 4)
                for x in range(0, scaled.shape[3], 4)
            ]
            outputs = [toy()(window.flip(-1) if mirrored else window).presence for window in windows]
            views.append(torch.stack([output.sigmoid() for output in outputs if output is not None]).amax(0))
    for average in ("softmax", "exp"):
        _, presence = segment(toy(), image, replace(protocol, average=average))
        assert presence is not None
        torch.testing.assert_close(presence, torch.stack(views).mean(0))


@settings(deadline=None, max_examples=30)
@given(protocols)
def test_a_mirrored_image_gives_the_mirrored_result(protocol: Protocol) -> None:
    whole = Protocol(scales=protocol.scales, flip=True, average=protocol.average)
    image = pictures(7, 6)
    straight, presence = segment(toy(), image, whole)
    mirrored, presence_of_mirrored = segment(toy(), image.flip(-1), whole)
    torch.testing.assert_close(mirrored.flip(-1), straight, atol=1e-5, rtol=1e-4)
    assert presence is not None
    torch.testing.assert_close(presence_of_mirrored, presence)


@settings(deadline=None, max_examples=30)
@given(protocols)
def test_images_of_a_batch_do_not_affect_each_other(protocol: Protocol) -> None:
    images = pictures(6, 7, batch=3)
    together, presence = segment(toy(), images, protocol)
    assert presence is not None
    for index in range(3):
        alone, presence_alone = segment(toy(), images[index : index + 1], protocol)
        assert presence_alone is not None
        torch.testing.assert_close(together[index], alone[0])
        torch.testing.assert_close(presence[index], presence_alone[0])


@settings(deadline=None, max_examples=30)
@given(protocols, st.integers(1, 12), st.integers(1, 12))
def test_the_result_has_the_requested_size(protocol: Protocol, height: int, width: int) -> None:
    probabilities, _ = segment(toy(), pictures(5, 6), protocol, (height, width))
    assert probabilities.shape == (1, CLASSES, height, width)
    assert probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities.sum(1), torch.ones(1, height, width))


def test_the_default_runs_the_network_once() -> None:
    model = Toy()
    segment(cast(EncNet, model), pictures(5, 6), Protocol(average="exp"))
    assert model.calls == 1


@pytest.mark.parametrize("protocol", [Protocol(), Protocol("sliding", (3, 3), scales=(1, 0.5), flip=True)])
def test_a_model_without_presence_returns_none(protocol: Protocol) -> None:
    assert segment(toy(presence=False), pictures(5, 6), protocol)[1] is None


def test_large_logits_do_not_overflow() -> None:
    probabilities, _ = segment(toy(), 60 * pictures(5, 6), Protocol(flip=True, average="exp"))
    assert probabilities.isfinite().all()
