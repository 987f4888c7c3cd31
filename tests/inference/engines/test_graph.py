"""Exported files whose graph is not what their description says are refused; no prediction is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.cli import main
from encnet.inference.engines.description import Description
from encnet.inference.engines.engine import Scores
from encnet.inference.engines.graph import Port, require_graph, require_scores
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError

TOY = Description(ModelInfo("toy", {}, [0.0] * 3, [1.0] * 3), 3, presence=True, align_corners=False)
IMAGES = Port("images", "uint8", ("N", "H", "W", 3))
LOGITS = Port("logits", "float32", ("N", 3, "h", "w"))
PRESENCE = Port("presence", "float32", ("N", 3))


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([], [LOGITS, PRESENCE], "has 0 inputs instead of one"),
        ([IMAGES, IMAGES], [LOGITS, PRESENCE], "has 2 inputs"),
        (
            [IMAGES._replace(dtype="float32")],
            [LOGITS, PRESENCE],
            r"input float32 \(any, any, any, 3\) instead",
        ),
        ([IMAGES._replace(shape=("H", "W", 3))], [LOGITS, PRESENCE], r"input uint8 \(any, any, 3\)"),
        ([IMAGES._replace(shape=("N", "H", "W", 4))], [LOGITS, PRESENCE], r"\(any, any, any, 3\)"),
        ([IMAGES._replace(shape=None)], [LOGITS, PRESENCE], "of any rank"),
        ([IMAGES], [LOGITS], "no output presence"),
        ([IMAGES], [PRESENCE], "no output logits"),
        ([IMAGES], [LOGITS._replace(shape=("N", 5, "h", "w")), PRESENCE], r"output logits float32 \(any, 5"),
        ([IMAGES], [LOGITS, PRESENCE._replace(shape=("N", 3, 1))], "output presence"),
        ([IMAGES], [LOGITS, PRESENCE._replace(dtype="sequence")], "output presence sequence"),
    ],
)
def test_a_graph_that_differs_is_refused(inputs: list[Port], outputs: list[Port], message: str) -> None:
    require_graph("toy.onnx", [IMAGES], [LOGITS, PRESENCE, Port("labels", "int64", None)], TOY)
    with pytest.raises(InputError, match=rf"toy\.onnx has .*{message}|toy\.onnx {message}"):
        require_graph("toy.onnx", inputs, outputs, TOY)


@pytest.mark.parametrize(
    ("logits", "presence", "message"),
    [
        (np.zeros((2, 4, 5, 6)), np.zeros((2, 3)), r"gives logits of shape \(2, 4, 5, 6\)"),
        (np.zeros((1, 3, 5, 6)), np.zeros((2, 3)), "gives logits"),
        (np.zeros((2, 3, 0, 6)), np.zeros((2, 3)), "gives logits"),
        (np.zeros((2, 3, 5, 6)), np.zeros((2, 3, 1)), "gives presence of shape"),
        (np.full((2, 3, 5, 6), np.nan), np.zeros((2, 3)), "logits that are not finite"),
        (np.zeros((2, 3, 5, 6)), np.full((2, 3), np.inf), "presence that are not finite"),
    ],
)
def test_scores_that_are_not_as_described_are_refused(logits: np.ndarray, presence: np.ndarray, message: str) -> None:
    sound = Scores(np.zeros((2, 3, 5, 6)), np.zeros((2, 3)))
    assert require_scores("toy.onnx", sound, 2, TOY) is sound
    with pytest.raises(InputError, match=message):
        require_scores("toy.onnx", Scores(logits, presence), 2, TOY)


def test_nothing_is_written_for_a_graph_that_differs(
    toy_onnx: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (16, 8)).save(tmp_path / "image.png")
    path = toy_onnx(presence=False)
    assert main(["predict", str(path), str(tmp_path / "image.png"), "--out", str(tmp_path / "out")]) == 2
    assert "no output presence, unlike its description" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
