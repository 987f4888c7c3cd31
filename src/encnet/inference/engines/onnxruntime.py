"""ONNX Runtime as an engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from encnet.inference.engines.description import METADATA_KEY, Description
from encnet.inference.engines.engine import Scores, require_file, require_size
from encnet.inference.engines.graph import Port, cannot_run, require_graph, require_scores
from encnet.inference.engines.seal import require_unbroken
from encnet.system.cores import available_cores
from encnet.system.errors import InputError
from encnet.system.text import shortened


class OnnxRuntimeEngine:
    """Runs an .onnx file of ``encnet export`` on the CPU, in the number format of the file.

    Args:
        path: path of the file.
        threads: number of threads; None uses all cores.

    Raises:
        InputError: the file is missing, damaged, or not written by encnet, or its graph differs from its description.
    """

    name = "onnxruntime"
    device = "cpu"

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None) -> None:
        self.path: Path = require_file(path)
        require_unbroken(self.path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or available_cores()
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3  # errors; they also come as exceptions
        try:
            session: Any = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
            metadata = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
            inputs, outputs = ([_port(node) for node in ends] for ends in (session.get_inputs(), session.get_outputs()))
        except Exception as error:  # ONNX Runtime has no error class of its own
            raise InputError(
                f"{path} cannot be read by ONNX Runtime ({shortened(str(error))}); write it again with `encnet export`"
            ) from error
        if metadata is None:
            raise InputError(f"{path} was not written by encnet; write it with `encnet export CHECKPOINT`")
        self.description: Description = Description.from_json(metadata, path)
        self.precision: str = self.description.precision
        require_graph(path, inputs, outputs, self.description)
        self._session = session
        self._input, self._shape = inputs[0].name, inputs[0].shape or ()
        self._outputs = [output.name for output in outputs if output.name in Scores._fields]

    def __call__(self, images: np.ndarray) -> Scores:
        """Runs the network; see :class:`encnet.inference.engines.engine.Engine`. Returns arrays."""
        require_size(self.path, (self._shape or [])[1:3], images)
        try:
            values = self._session.run(self._outputs, {self._input: np.ascontiguousarray(images)})
        except Exception as error:
            raise cannot_run(self.path, error) from error
        outputs: dict[str, Any] = dict(zip(self._outputs, values, strict=True))
        scores = Scores(outputs["logits"], outputs.get("presence"))
        return require_scores(self.path, scores, len(images), self.description)


def _port(node: Any) -> Port:
    dtype = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}.get(node.type, str(node.type))
    return Port(node.name, dtype, node.shape if node.type.startswith("tensor") else None)
