"""int8 of a trained network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino

from encnet.data.images import read_image
from encnet.export.onnx import save_onnx
from encnet.export.openvino import read_onnx
from encnet.export.parity import scores
from encnet.export.program import trace
from encnet.export.quantization import quantize
from encnet.export.wrapper import ExportWrapper
from encnet.inference.engines.openvino_core import openvino_core
from encnet.model.loading import load

INT8 = (openvino.Type.i8, openvino.Type.u8)


def test_convolutions_are_int8_and_labels_stay(trained: Path, scenes: Path, tmp_path: Path) -> None:
    model = load(trained)
    save_onnx(trace(ExportWrapper(model)), tmp_path / "model.onnx", {})
    images = [np.asarray(read_image(path))[None] for path in sorted((scenes / "images/train").iterdir())]
    quantized = quantize(read_onnx(tmp_path / "model.onnx"), images, progress=False)
    operations = quantized.get_ops()
    convolutions = [operation for operation in operations if operation.get_type_name() == "Convolution"]
    bytes_ = [each for each in operations if each.get_type_name() == "Constant" and each.get_element_type() in INT8]
    assert len(convolutions) > 10
    assert len([each for each in bytes_ if len(each.shape) == 4]) == len(convolutions)
    products = [operation for operation in operations if operation.get_type_name() == "MatMul"]
    assert len(products) >= 4  # two of the Encoding layer, two linear layers
    assert not any(_is_quantized(product) for product in products)
    run = openvino_core().compile_model(quantized, "CPU")
    for path in sorted((scenes / "images/val").iterdir()):
        image = np.asarray(read_image(path))[None]
        assert (run([image])["logits"].argmax(axis=1) == scores(model, image)[0].argmax(axis=1)).mean() > 0.9


def test_nothing_is_sent_or_said(trained: Path, tmp_path: Path) -> None:
    """In a process that is no test, since the library leaves its telemetry out where it sees pytest."""
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
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, ""), found.stderr
    assert not re.search("nncf|telemetry|INFO", found.stderr, flags=re.IGNORECASE), found.stderr


def _is_quantized(operation: openvino.Op) -> bool:
    nodes = [source.get_source_output().get_node() for source in operation.inputs()]
    names = {node.get_type_name() for node in nodes}
    return "FakeQuantize" in names
