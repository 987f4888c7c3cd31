"""Sizes of images that no memory holds are refused, by the name of what asks for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from encnet.checkpoint.create import create_model
from encnet.inference.image_memory import require_image_fits
from encnet.inference.predictor import Predictor
from encnet.inference.preprocessing import Preprocessing
from encnet.inference.protocols.protocol import Protocol
from encnet.inference.protocols.sliding_window import segment
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError
from encnet.system.memory import free_memory

pytestmark = pytest.mark.skipif(free_memory() is None, reason="the system does not say how much memory is free")


def test_a_long_side_that_does_not_fit_is_refused() -> None:
    info = ModelInfo("x", {}, [0.0] * 3, [1.0] * 3, long_side=10**6)
    with pytest.raises(InputError, match="long_side asks for an image of 1000000 x 1000000 pixels"):
        Preprocessing.of(info).open(np.zeros((8, 8, 3), np.uint8))


def test_tiles_of_a_resized_image_need_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encnet.inference.image_memory.free_memory", lambda: 10**9)
    model, image = create_model("encnet_tiny", num_classes=2), np.zeros((8, 8, 3), np.uint8)
    model.info.long_side = 2400
    assert Predictor(model, "tiled", device="cpu").preprocessing.open(image).image.size == (8, 8)
    with pytest.raises(InputError, match=r"long_side asks for an image of 2400 x 2400 pixels, about 1\.44 GB"):
        Predictor(model, device="cpu").preprocessing.open(image)


def test_scales_count_what_the_network_and_its_scores_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encnet.inference.image_memory.free_memory", lambda: 10**9)
    model, images = create_model("encnet_tiny", num_classes=2).eval(), torch.zeros(2, 3, 32, 64)
    # 2 * 1600 * 3200 pixels with 250 bytes each, and 8 for each score: 2.72 GB, of which 0.9 GB fit.
    message = (
        r"protocol\.scales asks for 2 images of 1600 x 3200 pixels, about 2\.72 GB of memory, and 1 GB are free; a long"
        r" side of less than 1839 would fit"
    )
    with pytest.raises(InputError, match=message):
        segment(model, images, Protocol(scales=(50.0,)))
    with pytest.raises(InputError, match=r"protocol\.short_side asks for 2 images of 1600 x 3200 pixels"):
        segment(model, images, Protocol(short_side=1600))


def test_windows_and_fewer_images_need_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("encnet.inference.image_memory.free_memory", lambda: 10**9)
    require_image_fits(4000, 4000, "protocol.scales", classes=2, whole=False)
    require_image_fits(1800, 1800, "size")
    with pytest.raises(InputError, match=r"batch asks for 9 images of 1000 x 1000 pixels.*; 3 of them would fit"):
        require_image_fits(1000, 1000, "batch", images=9, fewer=True)


def test_what_an_image_before_took_counts_as_free(monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([10**9, 10**10])
    monkeypatch.setattr("encnet.inference.image_memory.free_memory", lambda: next(free))
    require_image_fits(3000, 3000, "long_side")
