"""Predictions of more than 255 classes: the same indices in memory and in every kind of file, without a wrap-around."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from rasters import rasterio, write_raster
from videos import read_video, write_video

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.data.palette import distinct_palette
from encnet.inference.media.raster import predict_raster
from encnet.inference.media.video import predict_video
from encnet.inference.predictor import Predictor
from encnet.inference.preprocessing import OpenedImage
from encnet.inference.protocols.protocol import Protocol

CLASSES = 300
RNG = np.random.default_rng(0)
PHOTOGRAPH = RNG.integers(0, 256, (8, 10, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)


@pytest.fixture(scope="module")
def model() -> EncNet:
    """A small untrained network that predicts many of its classes for PHOTOGRAPH, 255 and higher ones among them."""
    torch.manual_seed(0)
    model = create_model("encnet_tiny", CLASSES).eval()
    model.info.classes = [f"c{c}" for c in range(CLASSES)]
    model.info.palette = [list(color) for color in distinct_palette(CLASSES)]
    with torch.no_grad():
        bias = model.head.classifier.bias
        assert bias is not None
        bias -= scores(model, PHOTOGRAPH).mean(dim=(0, 2, 3))
        bias[:200] -= 0.01
    return model


def scores(model: EncNet, pixels: np.ndarray) -> torch.Tensor:
    mean, std = torch.tensor(model.info.mean), torch.tensor(model.info.std)
    return model(((torch.from_numpy(pixels) / 255 - mean) / std).permute(2, 0, 1)[None].contiguous()).logits


@pytest.fixture(scope="module")
def expected(model: EncNet) -> np.ndarray:
    with torch.no_grad():
        full = F.interpolate(scores(model, PHOTOGRAPH), PHOTOGRAPH.shape[:2], mode="bilinear")
    labels = full[0].argmax(dim=0).numpy()
    assert len(np.unique(labels)) > 20 and labels.max() > 255
    return labels


def same(labels: np.ndarray, expected: np.ndarray) -> bool:
    """Whether labels are uint16 and, but for near ties, the expected ones."""
    return labels.dtype == np.uint16 and bool((labels == expected).mean() > 0.995)


@pytest.mark.parametrize(
    "protocol",
    [
        Protocol(),
        Protocol("tiled", (64, 64), margin=0),
        Protocol("sliding", (64, 80), stride=1.0),
        Protocol(scales=(1.0,), flip=True),
    ],
    ids=["whole", "tiled", "sliding", "flip"],
)
def test_every_protocol_gives_the_class_of_the_highest_probability(
    model: EncNet, expected: np.ndarray, protocol: Protocol
) -> None:
    predictor = Predictor(model, protocol, device="cpu")
    labels, presence = predictor.labels(PHOTOGRAPH[None])
    assert presence is not None and presence.shape == (1, CLASSES)
    if protocol.flip or protocol.mode == "tiled":  # another context at the borders of tiles
        pixels = torch.from_numpy(PHOTOGRAPH).permute(2, 0, 1)[None]
        expected = predictor.probabilities(pixels)[0][0].argmax(dim=0).numpy()
    assert same(labels[0], expected)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_saved_label_maps_hold_the_predicted_indices(model: EncNet, expected: np.ndarray, tmp_path: Path) -> None:
    segmentation = Predictor(model, device="cpu")(PHOTOGRAPH)
    assert same(segmentation.labels, expected)
    saved = segmentation.save(tmp_path, "photo")
    with rasterio.open(saved[0]) as file:  # another program
        assert file.dtypes == ("uint16",)
        assert np.array_equal(file.read(1), segmentation.labels)
    shares = json.loads(saved[2].read_text())["shares"]
    for c in range(CLASSES):
        assert shares.get(f"c{c}", 0) == pytest.approx((segmentation.labels == c).mean(), abs=1e-6)


def test_pixels_without_data_are_65535() -> None:
    valid = np.array([[True, False, True]])
    opened = OpenedImage(Image.new("RGB", (3, 1)), Image.new("RGB", (3, 1)), None, valid)
    assert opened.masked(np.array([[255, 7, 299]], np.uint16)).tolist() == [[255, 65535, 299]]
    assert opened.masked(np.array([[254, 7, 0]], np.uint8)).tolist() == [[254, 255, 0]]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_of_labels_has_16_bits_and_nodata_65535(model: EncNet, tmp_path: Path) -> None:
    pixels = np.maximum(PHOTOGRAPH, 1)
    pixels[:16] = 0
    source = write_raster(tmp_path / "field.tif", pixels, nodata=0)
    written = predict_raster(Predictor(model, device="cpu"), source, tmp_path / "out")
    with rasterio.open(written[0]) as file:
        labels = file.read(1)
        assert file.dtypes == ("uint16",) and file.nodata == 65535
        assert file.tags(1)["class_299"] == "c299"
    assert (labels[:16] == 65535).all() and labels[16:].max() < CLASSES
    assert labels[16:].max() > 255
    shares = json.loads(written[1].read_text())["shares"]
    for c in np.unique(labels[16:]).tolist():
        assert shares[f"c{c}"] == pytest.approx((labels[16:] == c).mean(), abs=1e-6)


def test_a_video_of_labels_has_16_bits(model: EncNet, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", [PHOTOGRAPH, PHOTOGRAPH[::-1].copy()])
    predictor = Predictor(model, device="cpu")
    written = predict_video(predictor, film, tmp_path / "out", frames=True)
    frames = read_video(written[0], "gray16le")[0]
    for number, pixels in enumerate(read_video(film, "rgb24")[0]):
        labels = predictor(pixels).labels
        assert labels.max() > 255
        assert np.array_equal(frames[number], labels)
        with Image.open(written[3] / f"{number:06d}.png") as png:
            assert np.array_equal(np.asarray(png), labels)
