"""OpenVINO as an engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from encnet.inference.engines.description import METADATA_KEY, Description
from encnet.inference.engines.engine import Precision, Scores, require_file, require_size
from encnet.inference.engines.graph import Port, cannot_run, require_graph, require_scores
from encnet.inference.engines.openvino_core import openvino_core
from encnet.inference.engines.seal import require_unbroken
from encnet.inference.engines.telemetry import no_telemetry
from encnet.system.cores import available_cores
from encnet.system.errors import InputError
from encnet.system.text import shortened

with no_telemetry():
    import openvino


class OpenVINOEngine:
    """Runs an .xml or .onnx file of ``encnet export`` on the CPU.

    By default OpenVINO computes in bf16 whenever the CPU supports it. This engine does so only on request, or if the
    file was exported for bf16.

    Args:
        path: path of the file; the weights of an .xml file are in a .bin file beside it.
        precision: "fp32"; or "bf16", for .xml files on a CPU that supports it. Operations in int8 stay in int8.
        threads: number of threads; None uses all cores.

    Raises:
        InputError: the file is missing, damaged or not written by encnet, its graph differs from its description, or
            the CPU does not support the precision.
    """

    name = "openvino"
    device = "cpu"

    def __init__(self, path: str | os.PathLike[str], precision: Precision = "fp32", threads: int | None = None) -> None:
        self.path: Path = require_file(path)
        require_unbroken(self.path)
        if precision == "bf16" and self.path.suffix.lower() == ".onnx":
            raise InputError(
                f"{path} must run in fp32, because .onnx files contain convolutions for which bf16 is too coarse;"
                " export to an .xml file for bf16",
                "precision",
            )
        core = openvino_core()
        has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "fp16" or (precision == "bf16" and not has_bf16):
            raise InputError(f"OpenVINO does not compute in {precision} on this CPU; choose fp32", "precision")
        try:
            model = core.read_model(self.path)
            metadata = _metadata(model)
            inputs, outputs = ([_port(port) for port in ports] for ports in (model.inputs, model.outputs))
        except Exception as error:  # OpenVINO has no error class of its own
            raise InputError(
                f"{path} cannot be read by OpenVINO ({shortened(str(error))}); write it again with `encnet export`"
            ) from error
        if metadata is None:
            raise InputError(f"{path} was not written by encnet; write it with `encnet export CHECKPOINT`")
        self.description: Description = Description.from_json(metadata, path)
        require_graph(path, inputs, outputs, self.description)
        half = has_bf16 and "bf16" in (precision, self.description.precision)
        self.precision: str = "int8" if self.description.precision == "int8" else "bf16" if half else "fp32"
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads or available_cores(),
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
        }
        try:
            self._compiled = core.compile_model(model, "CPU", settings)
        except Exception as error:
            raise cannot_run(self.path, error) from error
        self._request = self._compiled.create_infer_request()
        shape = self._compiled.input(0).partial_shape
        self._shape = [None if side.is_dynamic else side.get_length() for side in shape]

    def __call__(self, images: np.ndarray) -> Scores:
        """Runs the network; see :class:`encnet.inference.engines.engine.Engine`. Returns arrays."""
        require_size(self.path, self._shape[1:3], images)
        try:
            outputs = self._request.infer([np.ascontiguousarray(images)], share_inputs=True)
        except Exception as error:
            raise cannot_run(self.path, error) from error
        scores = Scores(outputs["logits"], outputs["presence"] if self.description.presence else None)
        return require_scores(self.path, scores, len(images), self.description)


def _metadata(model: openvino.Model) -> str | None:
    """The metadata that `encnet export` wrote; OpenVINO puts the metadata of .onnx files into a section of its own."""
    for key in ([METADATA_KEY], ["framework", METADATA_KEY]):
        if model.has_rt_info(key):
            return str(model.get_rt_info(key).value)
    return None


def _port(port: Any) -> Port:
    names = port.get_names()
    name = next((name for name in Scores._fields if name in names), next(iter(sorted(names)), ""))
    shape = port.partial_shape
    sides = None if shape.rank.is_dynamic else [None if side.is_dynamic else side.get_length() for side in shape]
    dtype = str(port.element_type.get_type_name())
    return Port(name, {"u8": "uint8", "f32": "float32"}.get(dtype, dtype), sides)
