"""The engine for ONNX Runtime, with a network that is easy to check (conftest.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.labels import LabelSet
from encnet.evaluation import evaluate
from encnet.inference.engines import open_engine
from encnet.inference.engines.description import Description
from encnet.inference.engines.engine import EngineName
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError

pytest.importorskip("onnxruntime")
MakeToy = Callable[..., Path]


def images(batch: int = 1, height: int = 8, width: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)


def means(pixels: np.ndarray) -> np.ndarray:
    """(B, 3, h, w): means over 4 x 4 pixels."""
    batch, height, width, _ = pixels.shape
    cells = pixels.reshape(batch, height // 4, 4, width // 4, 4, 3).astype(np.float64)
    return cells.mean(axis=(2, 4)).transpose(0, 3, 1, 2)


def test_scores_are_right_at_any_size(toy_onnx: MakeToy) -> None:
    engine = open_engine(toy_onnx())
    assert (engine.name, engine.device, engine.precision) == ("onnxruntime", "cpu", "fp32")
    assert engine.description.names == ("red", "green", "blue")
    for pixels in (images(), images(3, 16, 4), images().transpose(0, 2, 1, 3)):
        scores = engine(pixels)
        assert isinstance(scores.logits, np.ndarray)
        assert scores.presence is not None
        np.testing.assert_allclose(scores.logits, means(pixels), rtol=1e-5)
        np.testing.assert_allclose(scores.presence, pixels.mean(axis=(1, 2)) / 255, rtol=1e-5)


def test_a_model_without_presence_returns_none(toy_onnx: MakeToy) -> None:
    described = Description(ModelInfo("toy", {}, [0.0] * 3, [1.0] * 3), 3, presence=False, align_corners=False)
    assert open_engine(toy_onnx(metadata=described.to_json(), presence=False))(images()).presence is None


def test_the_precision_is_that_of_the_file(toy_onnx: MakeToy) -> None:
    path = toy_onnx()
    described = replace(open_engine(path).description, precision="int8")
    assert open_engine(toy_onnx(metadata=described.to_json())).precision == "int8"
    with pytest.raises(InputError, match="in the precision it was exported in"):
        open_engine(path, precision="bf16")


def test_a_file_for_one_size_refuses_others(toy_onnx: MakeToy) -> None:
    path = toy_onnx(size=(8, 12))
    open_engine(path)(images())
    with pytest.raises(InputError, match=r"toy\.onnx is for images of 8 x 12 pixels .* not 12 x 8"):
        open_engine(path)(images(1, 12, 8))


def test_foreign_and_damaged_files_are_errors(toy_onnx: MakeToy, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"toy\.onnx was not written by encnet; .*encnet export"):
        open_engine(toy_onnx(metadata=None))
    with pytest.raises(InputError, match=r"toy\.onnx has damaged metadata"):
        open_engine(toy_onnx(metadata="{}"))
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match=r"broken\.onnx cannot be read by ONNX Runtime") as caught:
        open_engine(tmp_path / "broken.onnx")
    assert "\n" not in str(caught.value)
    no_text = tmp_path / "no_text.onnx"
    no_text.write_bytes(toy_onnx().read_bytes().replace(b'"toy"', b'"\xb4oy"'))
    with pytest.raises(InputError, match=r"no_text\.onnx cannot be read by ONNX Runtime \('utf-8' codec"):
        open_engine(no_text)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_exported_models_are_evaluated(engine: EngineName, toy_onnx: MakeToy, tmp_path: Path) -> None:
    pytest.importorskip(engine)
    samples = []
    for i in range(2):
        image, label = tmp_path / f"{i}.png", tmp_path / f"{i}_label.png"
        pixels = np.zeros((8, 12, 3), np.uint8)
        pixels[:, :8, 0] = pixels[:, 8:, 1] = 200
        Image.fromarray(pixels).save(image)
        Image.fromarray(np.repeat([[0] * 6 + [1] * 6], 8, axis=0).astype(np.uint8)).save(label)
        samples.append(Sample(image, label))
    index = DatasetIndex("colours", tmp_path, LabelSet.plain(("red", "green", "blue")), {"val": tuple(samples)})
    report = evaluate(toy_onnx(), index, engine=engine, workers=2, progress=False)
    np.testing.assert_array_equal(report.scores.confusion, [[96, 0, 0], [32, 64, 0], [0, 0, 0]])
    assert report.scores.presence_f1 is not None
    assert (report.engine, report.device, report.precision) == (engine, "cpu", "fp32")
    assert report.variant == "toy"
