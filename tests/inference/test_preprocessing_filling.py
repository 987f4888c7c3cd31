"""``Preprocessing.filling``: images whose sides do not fit the strides are filled, and predicted as well as others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.inference.preprocessing import Preprocessing, filled

VARIANTS = {
    "tiny": ("encnet_tiny", {}),
    "align_corners": ("encnet_tiny", {"align_corners": True}),
    "jpu": ("encnet_tiny", {"jpu": True, "output_stride": 32}),
    "detail": ("encnet_lite0", {}),
    "full resolution": ("encnet_resnet18", {"head": "fullres"}),
}


def network(variant: str, options: dict[str, Any]) -> EncNet:
    torch.manual_seed(0)
    model = encnet.create_model(variant, num_classes=5, **options)  # pyright: ignore[reportArgumentType]
    torch.nn.init.normal_(model.head.classifier.weight)
    return model.eval()


@pytest.mark.parametrize(("variant", "options"), VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("size", [(97, 130), (96, 128), (1, 7)])
@torch.no_grad()
def test_filled_images_fit_the_strides(variant: str, options: dict[str, Any], size: tuple[int, int]) -> None:
    model = network(variant, options)
    fitting = Preprocessing.of(model.info, model.align_corners).filling(size, size).size
    stride = 1 if options.get("align_corners") else max(model.backbone.strides)
    assert all(side <= fit < side + stride and fit % stride == 0 for side, fit in zip(size, fitting, strict=True))
    features = [model.prepare(torch.zeros(1, 3, *sides)).features.shape for sides in (size, fitting)]
    if stride in (1, model.backbone.strides[1]):  # the stride of the encoded features
        assert features[0] == features[1]
    places = model(torch.zeros(1, 3, *fitting), full_size=False).logits.shape[2:]
    if stride > 1 and model.neck is None:  # a whole number of pixels per place
        assert fitting[0] % places[0] == 0 and fitting[1] % places[1] == 0


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 9), st.integers(0, 9))
def test_filled_images_begin_with_the_image(height: int, width: int, below: int, beside: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)
    full = filled(images, (height + below, width + beside))
    assert full.shape == (2, height + below, width + beside, 3)
    assert np.array_equal(full[:, :height, :width], images)
    assert (full[:, height - 1 :, :width] == images[:, -1:, :]).all()
    assert (full[:, :, width - 1 :] == full[:, :, width - 1 : width]).all()


def test_scores_cover_the_filled_image() -> None:
    preprocessing = Preprocessing(multiple=8)
    assert preprocessing.filling((357, 475), (357, 475)) == ((360, 480), (360, 480))
    assert preprocessing.filling((357, 475), (714, 950)) == (
        (360, 480),
        (720, 960),
    )  # the network sees half the size


@pytest.mark.parametrize("size", [(93, 125), (96, 121)])
def test_the_prediction_is_that_of_the_filled_image(size: tuple[int, int]) -> None:
    predictor = encnet.Predictor(network("encnet_tiny", {}), device="cpu")
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    full = np.pad(image, ((0, 96 - size[0]), (0, 128 - size[1]), (0, 0)), mode="edge")
    cut, whole = predictor(image), predictor(full)
    assert np.array_equal(cut.labels, whole.labels[: size[0], : size[1]])
    assert cut.presence is not None and whole.presence is not None
    np.testing.assert_array_equal(cut.presence, whole.presence)
    probabilities, _ = predictor.probabilities(torch.from_numpy(image).permute(2, 0, 1)[None])
    assert np.array_equal(probabilities.argmax(dim=1)[0].numpy(), cut.labels)


def test_protocols_of_other_code_bases_do_not_fill() -> None:
    model = network("encnet_tiny", {})
    image = np.random.default_rng(0).integers(0, 256, (93, 125, 3), np.uint8)
    predictor = encnet.Predictor(model, "mmseg", device="cpu")
    pixels = model.normalised(torch.from_numpy(image).permute(2, 0, 1)[None])
    with torch.no_grad():
        expected = model(pixels).logits.argmax(dim=1)[0].numpy()
    assert (predictor(image).labels == expected).mean() > 0.999
