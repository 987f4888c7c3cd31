"""Quantisation of a trained network to int8."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest

from encnet.checkpoint.loading import load
from encnet.data.source import read_image
from encnet.export.onnx import save_onnx
from encnet.export.openvino import read_onnx
from encnet.export.parity import scores
from encnet.export.program import trace
from encnet.export.quantization import quantize
from encnet.export.wrapper import ExportWrapper
from encnet.inference.engines.openvino_core import openvino_core

INT8 = (openvino.Type.i8, openvino.Type.u8)


def test_convolutions_are_int8_and_labels_hardly_change(trained: Path, scenes: Path, tmp_path: Path) -> None:
    model = load(trained)
    save_onnx(trace(ExportWrapper(model)), tmp_path / "model.onnx", {})
    images = [np.asarray(read_image(path))[None] for path in sorted((scenes / "images/train").iterdir())]
    quantized = quantize(read_onnx(tmp_path / "model.onnx"), images, progress=False)
    operations = quantized.get_ops()
    convolutions = [operation for operation in operations if operation.get_type_name() == "Convolution"]
    constants = [operation for operation in operations if operation.get_type_name() == "Constant"]
    weights = [constant for constant in constants if constant.get_element_type() in INT8 and len(constant.shape) == 4]
    assert len(convolutions) > 10
    assert len(weights) == len(convolutions)
    products = [operation for operation in operations if operation.get_type_name() == "MatMul"]
    assert len(products) >= 4  # two of the Encoding layer, two linear layers
    assert not any(_is_quantized(product) for product in products)
    run = openvino_core().compile_model(quantized, "CPU")
    for path in sorted((scenes / "images/val").iterdir()):
        image = np.asarray(read_image(path))[None]
        assert (run([image])["logits"].argmax(axis=1) == scores(model, image)[0].argmax(axis=1)).mean() > 0.9


@pytest.mark.slow
def test_quantisation_sends_no_telemetry_and_prints_nothing(trained: Path, tmp_path: Path) -> None:
    """In a separate process, because the library disables its telemetry under pytest."""
    save_onnx(trace(ExportWrapper(load(trained))), tmp_path / "model.onnx", {})
    program = f"""
import sys
import numpy as np
from encnet.export.openvino import read_onnx
from encnet.export.quantization import quantize

images = [np.zeros((1, 64, 96, 3), np.uint8), np.full((1, 64, 96, 3), 200, np.uint8)]
quantize(read_onnx({str(tmp_path / "model.onnx")!r}), images, progress=False)
wrapper = sys.modules["nncf.telemetry.wrapper"]
assert not isinstance(wrapper.telemetry, wrapper.NNCFTelemetry), wrapper.telemetry
"""
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (process.returncode, process.stdout) == (0, ""), process.stderr
    assert not re.search("nncf|telemetry|INFO", process.stderr, flags=re.IGNORECASE), process.stderr


def _is_quantized(operation: openvino.Op) -> bool:
    nodes = [source.get_source_output().get_node() for source in operation.inputs()]
    names = {node.get_type_name() for node in nodes}
    return "FakeQuantize" in names
