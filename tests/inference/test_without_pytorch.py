"""Exported models predict without PyTorch, in a process that refuses to import it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.inference.predictor import Predictor

REFUSED = ("torch", "torchvision", "timm", "pytorch_lightning", "lightning", "torchmetrics", "safetensors")
PROGRAM = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {REFUSED}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
from encnet.cli import main
status = main(sys.argv[1:])
assert not set({REFUSED}) & set(sys.modules)
sys.exit(status)
"""


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Two images that are red on the left and blue on the right; and a green one of another size."""
    (tmp_path / "photographs").mkdir()
    pixels = np.zeros((16, 24, 3), np.uint8)
    pixels[:, :12, 0] = pixels[:, 12:, 2] = 200
    for name in ("first.png", "second.png"):
        Image.fromarray(pixels).save(tmp_path / "photographs" / name)
    Image.new("RGB", (32, 12), (0, 250, 0)).save(tmp_path / "photographs/third.png")
    return tmp_path / "photographs"


def encnet(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(("make", "engine"), [("toy_onnx", "auto"), ("toy_xml", "auto"), ("toy_onnx", "openvino")])
def test_exported_models_predict_images(
    make: str, engine: str, photographs: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("onnxruntime")
    model: Path = request.getfixturevalue(make)()
    done = encnet("predict", model, photographs, "--engine", engine, "--rank", "true", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "out/ranking.json").read_text())["images"]) == 3
    for name, expected in (("first", [0] * 12 + [2] * 12), ("second", [0] * 12 + [2] * 12), ("third", [1] * 32)):
        with Image.open(tmp_path / f"out/{name}.png") as labels:
            assert (np.asarray(labels) == expected).all()
    values = json.loads((tmp_path / "out/third.json").read_text())
    assert values["presence"] == {"green": pytest.approx(250 / 255, abs=1e-5), "red": 0, "blue": 0}
    assert values["shares"] == {"green": 1}
    assert (tmp_path / "out/first_overlay.png").is_file()


def test_the_error_names_pytorch_if_it_is_needed(
    toy_onnx: Callable[..., Path], photographs: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    done = encnet("predict", toy_onnx(), photographs, "--protocol", "mmseg-ms", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "the protocol mmseg-ms with these settings takes PyTorch and a checkpoint" in done.stderr
    (tmp_path / "model.safetensors").touch()
    done = encnet("predict", tmp_path / "model.safetensors", photographs)
    assert done.returncode == 2
    assert done.stderr == (
        "encnet: this model runs in PyTorch, which is not installed; `pip install torch torchvision timm`\n"
    )
    assert not (tmp_path / "out").exists()


def test_exported_models_predict_videos(toy_onnx: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("av")
    from encnet.inference.media.video_files import VideoWriter

    with VideoWriter(tmp_path / "film.mkv", Fraction(10), lossless=False) as video:
        video.write(np.full((16, 24, 3), (9, 9, 250), np.uint8), 0)
    done = encnet("predict", toy_onnx(), tmp_path / "film.mkv", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out/film.jsonl").read_text())["shares"] == {"blue": 1}


def test_exported_models_predict_rasters(toy_onnx: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    rasterio = pytest.importorskip("rasterio")
    from rasters import write_raster

    source = write_raster(tmp_path / "field.tif", np.full((40, 56, 3), (9, 9, 250), np.uint8))
    done = encnet("predict", toy_onnx(), source, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    with rasterio.open(tmp_path / "out/field_labels.tif") as labels, rasterio.open(source) as raster:
        assert (labels.crs, labels.transform) == (raster.crs, raster.transform)
        assert [labels.tags(1)[f"class_{value}"] for value in np.unique(labels.read(1))] == ["blue"]


def test_probabilities_need_pytorch(toy_onnx: Callable[..., Path]) -> None:
    pytest.importorskip("onnxruntime")
    torch = pytest.importorskip("torch")
    predictor = Predictor(toy_onnx())
    with pytest.raises(ValueError, match="class probabilities take PyTorch"):
        predictor.probabilities(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
