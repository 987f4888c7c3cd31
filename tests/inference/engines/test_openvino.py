"""The engine for OpenVINO, with a network that is easy to check (conftest.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from encnet.inference.engines import open_engine
from encnet.inference.engines.description import Description
from encnet.inference.engines.engine import EngineName
from encnet.inference.engines.openvino_core import openvino_core
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError

openvino = pytest.importorskip("openvino")
MakeToy = Callable[..., Path]


def has_bf16() -> bool:
    return "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def images(batch: int = 1, height: int = 8, width: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), dtype=np.uint8)


def means(pixels: np.ndarray) -> np.ndarray:
    """(B, 3, h, w): means over 4 x 4 pixels."""
    batch, height, width, _ = pixels.shape
    cells = pixels.reshape(batch, height // 4, 4, width // 4, 4, 3).astype(np.float64)
    return cells.mean(axis=(2, 4)).transpose(0, 3, 1, 2)


@pytest.mark.parametrize(("make", "engine"), [("toy_xml", "auto"), ("toy_onnx", "openvino")])
def test_scores_are_right_at_any_size(make: str, engine: EngineName, request: pytest.FixtureRequest) -> None:
    opened = open_engine(request.getfixturevalue(make)(), engine)
    assert (opened.name, opened.device, opened.precision) == ("openvino", "cpu", "fp32")
    assert opened.description.names == ("red", "green", "blue")
    earlier = []
    for pixels in (images(), images(3, 16, 4), images(), images().transpose(0, 2, 1, 3)):
        scores = opened(pixels)
        assert isinstance(scores.logits, np.ndarray)
        assert scores.presence is not None
        earlier.append((scores, pixels))
    for scores, pixels in earlier:  # the next image does not overwrite these arrays
        np.testing.assert_allclose(scores.logits, means(pixels), rtol=1e-5)
        np.testing.assert_allclose(scores.presence, pixels.mean(axis=(1, 2)) / 255, rtol=1e-5)


def test_a_model_without_presence_returns_none(toy_xml: MakeToy) -> None:
    described = Description(ModelInfo("toy", {}, [0.0] * 3, [1.0] * 3), 3, presence=False, align_corners=False)
    assert open_engine(toy_xml(metadata=described.to_json(), presence=False))(images()).presence is None


def test_bf16_works_if_the_cpu_supports_it(toy_xml: MakeToy) -> None:
    path = toy_xml()
    if has_bf16():
        assert open_engine(path, precision="bf16").precision == "bf16"
    else:
        with pytest.raises(InputError, match="bf16 on this CPU"):
            open_engine(path, precision="bf16")
    with pytest.raises(InputError, match="fp16 on this CPU"):
        open_engine(path, precision="fp16")


def test_onnx_files_refuse_bf16(toy_onnx: MakeToy) -> None:
    with pytest.raises(InputError, match=r"toy\.onnx must run in fp32, .*\.xml file for bf16") as caught:
        open_engine(toy_onnx(), "openvino", precision="bf16")
    assert caught.value.argument == "precision"


def test_a_file_for_one_size_refuses_others(toy_xml: MakeToy) -> None:
    path = toy_xml(size=(8, 12))
    open_engine(path)(images())
    with pytest.raises(InputError, match=r"toy\.xml is for images of 8 x 12 pixels .* not 12 x 8"):
        open_engine(path)(images(1, 12, 8))


def test_foreign_and_damaged_files_are_errors(toy_xml: MakeToy, toy_onnx: MakeToy, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"toy\.xml was not written by encnet; .*encnet export"):
        open_engine(toy_xml(metadata=None))
    with pytest.raises(InputError, match=r"toy\.onnx was not written by encnet"):
        open_engine(toy_onnx(metadata=None), "openvino")
    with pytest.raises(InputError, match=r"toy\.xml has damaged metadata"):
        open_engine(toy_xml(metadata="{}"))
    (tmp_path / "broken.xml").write_bytes(b"no graph")
    with pytest.raises(InputError, match=r"broken\.xml cannot be read by OpenVINO") as caught:
        open_engine(tmp_path / "broken.xml")
    assert "\n" not in str(caught.value)
    no_text = toy_xml()
    no_text.write_bytes(no_text.read_bytes().replace(b"&quot;toy", b"&quot;\xb4oy"))
    with pytest.raises(InputError, match=r"toy\.xml cannot be read by OpenVINO \('utf-8' codec"):
        open_engine(no_text)
    weights = toy_xml().with_suffix(".bin")
    weights.unlink()
    with pytest.raises(InputError, match=r"toy\.xml cannot be read by OpenVINO"):
        open_engine(weights.with_suffix(".xml"))
