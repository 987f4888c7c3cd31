"""`encnet predict` on TIFFs of several bands and 16 bits: photographs for a model that reads them, in every engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from band_files import scaled_by_loops, write_bands
from listing import visible
from PIL import Image
from rasters import read_labels, write_raster

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.cli import main
from encnet.commands.command import WRONG_INPUT
from encnet.export import export_model

BANDS = [4, 1, 3, 2]
RANGE = [100.0, 3900.0]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model of four bands of 16 bits, as a checkpoint m.safetensors and exported as m.onnx."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    model = create_model("encnet_tiny", 3, in_channels=4, mean=(0.5,) * 4, std=(0.25,) * 4)
    torch.nn.init.normal_(model.head.classifier.weight, 0, 1)
    model.info.source = {"bands": BANDS, "value_range": [RANGE]}
    model.save(folder / "m.safetensors")
    export_model(model, folder / "m.onnx")
    return folder


def stored(seed: int = 0) -> np.ndarray:
    """Blocks of 16-bit values, (48, 64, 4)."""
    blocks = np.random.default_rng(seed).integers(0, 4096, (6, 8, 4))
    return np.kron(blocks, np.ones((8, 8, 1), int)).astype(np.uint16)


def labels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def expected(models: Path, values: np.ndarray) -> np.ndarray:
    """The labels of values (H, W, 4), by the formulas: scale, normalise, network, interpolate, largest score."""
    chosen = scaled_by_loops(values[..., [band - 1 for band in BANDS]], [(RANGE[0], RANGE[1])])
    images = torch.from_numpy(chosen).permute(2, 0, 1)[None]
    with torch.no_grad():
        logits = EncNet.from_file(models / "m.safetensors").eval()((images / 255 - 0.5) / 0.25).logits
        full = torch.nn.functional.interpolate(logits, values.shape[:2], mode="bilinear", align_corners=False)
    return full.argmax(dim=1)[0].numpy()


@pytest.mark.parametrize(
    ("name", "engine"), [("m.safetensors", "pytorch"), ("m.onnx", "onnxruntime"), ("m.onnx", "openvino")]
)
def test_labels_are_the_same_in_every_engine_without_options(
    models: Path, tmp_path: Path, name: str, engine: str
) -> None:
    pytest.importorskip("openvino")
    path = write_bands(tmp_path / "four.tif", stored())
    truth = expected(models, stored())
    assert len(np.unique(truth)) > 1
    words: list[Any] = ["predict", models / name, path, "--out", tmp_path / "out", "--device", "cpu"]
    assert main([*map(str, words), "--engine", engine]) == 0
    assert visible(tmp_path / "out") == ["four.json", "four.png", "four_overlay.png"]
    assert (labels_of(tmp_path / "out/four.png") == truth).mean() > 0.999


Write = Callable[[Path], Path]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        # The model sees a fourth band.
        (lambda folder: write_bands(folder / "a.tif", stored()[..., :3]), "has the bands 1 to 3"),
        (lambda folder: write_bands(folder / "a.tif", stored().astype(np.complex64)), "are complex numbers"),
    ],
    ids=["three bands", "complex"],
)
def test_what_the_model_does_not_read_stays_a_raster(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], write: Write, message: str
) -> None:
    out = str(tmp_path / "out")
    path = write(tmp_path)
    assert main(["predict", str(models / "m.onnx"), str(path), "--out", out]) == WRONG_INPUT
    assert message in capsys.readouterr().err


def test_georeferenced_files_are_rasters_in_every_engine(models: Path, tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", stored())
    assert main(["predict", str(models / "m.onnx"), str(path), "--out", str(tmp_path / "out")]) == 0
    truth = expected(models, stored())
    assert (read_labels(tmp_path / "out/a_labels.tif") == truth).mean() > 0.99


@pytest.fixture
def other_bands(tmp_path: Path) -> tuple[Path, list[str], np.ndarray]:
    """A TIFF whose bands and range differ from those of the model; the flags that say so; and the model's values."""
    values = stored(1)
    path = write_bands(tmp_path / "five.tif", np.concatenate([values[..., :1] * 0, values * 2], axis=2))
    return path, ["--bands", "5,2,4,3", "--value_range", "200,7800"], values


@pytest.mark.parametrize("suffix", ["safetensors", "onnx"])
def test_flags_of_bands_reach_photographs(
    models: Path, tmp_path: Path, other_bands: tuple[Path, list[str], np.ndarray], suffix: str
) -> None:
    path, flags, values = other_bands
    words: list[Any] = ["predict", models / f"m.{suffix}", path, "--out", tmp_path / "out", "--device", "cpu"]
    assert main([*map(str, words), *flags, "--raster", "false"]) == 0
    assert (labels_of(tmp_path / "out/five.png") == expected(models, values)).mean() > 0.999


def test_with_flags_of_bands_a_tiff_is_a_raster(
    models: Path, tmp_path: Path, other_bands: tuple[Path, list[str], np.ndarray]
) -> None:
    path, flags, values = other_bands
    words: list[Any] = ["predict", models / "m.safetensors", path, "--out", tmp_path / "out", "--device", "cpu"]
    assert main([*map(str, words), *flags]) == 0
    assert visible(tmp_path / "out") == ["five.json", "five_labels.tif", "five_overlay.png"]
    assert (labels_of(tmp_path / "out/five_labels.tif") == expected(models, values)).mean() > 0.999
