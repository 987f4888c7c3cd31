"""Networks for photographs of other bands than RGB: their input, and the whole way from training to ONNX."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from band_files import scaled_by_loops, write_bands
from PIL import Image

import encnet
from encnet.data.formats import read_dataset
from encnet.data.source import ImageSource
from encnet.evaluation import evaluate
from encnet.export.run import export_model
from encnet.inference.media.raster import predict_raster
from encnet.inference.predictor import Predictor
from encnet.system.errors import InputError
from encnet.training.bands import input_options
from encnet.training.config import TrainConfig
from encnet.training.initial import start_from
from encnet.training.network import build_model
from encnet.training.run import train

HIGH = 4095


def write_data(root: Path, bands: int, dtype: str, lines: str, suffix: str = "tif") -> Path:
    """Noise of 12 bits in files of more bits; only the last band shows the class 1, the right half."""
    rng = np.random.default_rng(0)
    for split, number in (("train", 4), ("val", 2)):
        for i in range(number):
            label = np.zeros((32, 48), np.uint8)
            label[:, rng.integers(20, 28) :] = 1
            values = rng.integers(0, 1500, (32, 48, bands)) + np.where(label == 1, 2500, 0)[..., None] * (
                np.arange(bands) == bands - 1
            )
            write_bands(root / f"images/{split}/{i}.{suffix}", values.astype(dtype))
            (root / f"labels/{split}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(label).save(root / f"labels/{split}/{i}.png")
    (root / "dataset.yaml").write_text(lines + "\n")
    return root


@pytest.fixture
def quick(settings: TrainConfig) -> TrainConfig:
    """Eight steps, enough to use the fourth band."""
    data = dataclasses.replace(settings.data, batch_size=2, jitter=0.1, rotation=0.0, photometric=True)
    optimizer = dataclasses.replace(settings.optimizer, lr=0.1, warmup_steps=1)
    return dataclasses.replace(settings, data=data, optimizer=optimizer, epochs=1, steps=8, validate_every=4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_four_bands_of_12_bits_from_training_to_onnx(tmp_path: Path, quick: TrainConfig) -> None:
    lines = "bands: [1, 2, 3, 4]\nvalue_range: {percentiles: [0, 100]}"
    root = write_data(tmp_path / "data", 4, "uint16", lines)
    best = train(root, quick, tmp_path / "run", quiet=True)
    model = encnet.load(best)
    photograph = root / "images/val/0.tif"
    source = ImageSource.from_dict(model.info.source)
    assert source.bands == (1, 2, 3, 4) and source.value_range is not None
    highs = [high for _, high in source.value_range]
    assert max(highs[:3]) < 1500 and 3900 < highs[3] < 4000
    assert len(model.info.mean) == model.info.options["in_channels"] == 4
    assert model.info.mean[3] == pytest.approx(0.5, abs=0.1)

    exported = export_model(model, tmp_path / "model.onnx").files[0]
    torch_predictor, onnx_predictor = Predictor(best, device="cpu"), Predictor(exported)
    pixels = np.asarray(source.read(photograph).pixels)
    logits, onnx_logits = (np.asarray(each.engine(pixels[None]).logits) for each in (torch_predictor, onnx_predictor))
    np.testing.assert_allclose(onnx_logits, logits, atol=1e-3)
    flat = pixels.copy()
    flat[..., 3] = pixels[..., 3].mean()
    assert np.abs(np.asarray(torch_predictor.engine(flat[None]).logits) - logits).max() > 0.05 * np.ptp(logits)

    labels = torch_predictor(photograph).labels
    np.testing.assert_array_equal(onnx_predictor(photograph).labels, labels)
    np.testing.assert_array_equal(torch_predictor(pixels).labels, labels)
    shown = torch_predictor(photograph).image
    np.testing.assert_array_equal(np.asarray(shown), pixels[..., :3])
    raster = predict_raster(torch_predictor, photograph, tmp_path / "out")
    report = json.loads(raster[1].read_text())
    assert report["bands"] == [1, 2, 3, 4]
    report = evaluate(exported, read_dataset(root), workers=0, progress=False)
    assert report.scores.mean_iou == pytest.approx(
        evaluate(best, read_dataset(root), workers=0, progress=False).scores.mean_iou, abs=1e-6
    )
    with pytest.raises(InputError, match="sees 4 bands, but the files give the bands 1,2,3"):
        Predictor(best, image_source=ImageSource((1, 2, 3)))


@pytest.mark.parametrize(
    ("bands", "dtype", "suffix", "lines", "channels"),
    [
        (1, "uint16", "png", f"value_range: [0, {HIGH}]", 3),
        (1, "uint16", "png", f"bands: [1]\nvalue_range: [0, {HIGH}]", 1),
        (1, "float32", "tif", f"bands: [1]\nvalue_range: [0, {HIGH}]", 1),
        (5, "float32", "tif", f"bands: [5, 1]\nvalue_range: [[0, {HIGH}], [0, 1500]]", 2),
        (5, "int16", "tif", f"bands: [1, 2, 3, 4, 5]\nvalue_range: [0, {HIGH}]", 5),
        (3, "uint16", "tif", f"value_range: [0, {HIGH}]", 3),
    ],
)
def test_the_input_of_a_network_follows_from_the_data(
    tmp_path: Path, settings: TrainConfig, bands: int, dtype: str, suffix: str, lines: str, channels: int
) -> None:
    index = read_dataset(write_data(tmp_path / "data", bands, dtype, lines, suffix))
    model, _ = build_model(index, settings)
    assert model.info.options["in_channels"] == len(model.info.mean) == channels
    assert model(torch.zeros(2, channels, 32, 32)).logits.shape == (2, 2, 32, 32)
    pixels = [np.asarray(index.source.read(sample.image).pixels) for sample in index.split("train")]
    values = np.concatenate([array.reshape(-1, channels) for array in pixels]) / 255
    np.testing.assert_allclose(model.info.mean, values.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(model.info.std, values.std(axis=0), atol=1e-5)
    path = tmp_path / "model.safetensors"
    model.save(path)
    assert Predictor(path, device="cpu").preprocessing.source == ImageSource(
        index.source.bands, index.source.value_range
    )


def test_settings_replace_what_is_measured(tmp_path: Path, settings: TrainConfig) -> None:
    lines = f"bands: [1, 2]\nvalue_range: [0, {HIGH}]"
    index = read_dataset(write_data(tmp_path / "data", 2, "uint16", lines))
    settings.model.mean, settings.model.std = (0.1, 0.2), (0.3, 0.4)
    expected: dict[str, Any] = {"in_channels": 2, "mean": (0.1, 0.2), "std": (0.3, 0.4)}
    assert input_options(index, settings) == expected
    settings.model.in_channels = 3
    with pytest.raises(InputError, match=r"model\.in_channels is 3, but .* has 2 bands in dataset\.yaml") as caught:
        input_options(index, settings)
    assert caught.value.argument == "model.in_channels"


def test_the_first_convolution_of_an_rgb_checkpoint_is_adapted(tmp_path: Path, settings: TrainConfig) -> None:
    options = settings.model.changes()
    rgb = encnet.create_model("encnet_tiny", 2, **options)
    rgb.save(tmp_path / "rgb.safetensors")
    inputs: dict[str, Any] = {"in_channels": 4, "mean": (0.5,) * 4, "std": (0.25,) * 4}
    model, anew = start_from(tmp_path / "rgb.safetensors", 2, {}, inputs)
    assert anew == []
    assert (model.info.mean, model.info.std) == ([0.5] * 4, [0.25] * 4)
    name, weight = next(iter(rgb.state_dict().items()))
    expected = torch.stack([weight[:, band % 3] for band in range(4)], dim=1) * 0.75
    torch.testing.assert_close(model.state_dict()[name], expected)
    same, _ = start_from(tmp_path / "rgb.safetensors", 2, {}, {"in_channels": 3, "mean": (0.9,) * 3, "std": (1.0,) * 3})
    assert same.info.mean == rgb.info.mean


def test_the_values_of_other_files_can_be_given_to_a_predictor(tmp_path: Path, settings: TrainConfig) -> None:
    lines = f"bands: [1, 2]\nvalue_range: [0, {HIGH}]"
    index = read_dataset(write_data(tmp_path / "data", 2, "uint16", lines))
    model, _ = build_model(index, settings)
    values = np.random.default_rng(1).integers(0, 9000, (32, 32, 2)).astype(np.float32)
    path = write_bands(tmp_path / "a.tif", values)
    predictor = Predictor(model, device="cpu", image_source=ImageSource((2, 1), ((0, 9000),)))
    expected = scaled_by_loops(values[..., ::-1], [(0, 9000)])
    np.testing.assert_array_equal(predictor.preprocessing.open(path).seen, expected)
