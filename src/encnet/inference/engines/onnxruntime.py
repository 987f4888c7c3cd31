"""ONNX Runtime as an engine."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime

from encnet.errors import InputError
from encnet.inference.engines.description import METADATA_KEY, Description
from encnet.inference.engines.engine import Scores, available_cores, require_file, require_size


class OnnxRuntimeEngine:
    """Runs an .onnx file that ``encnet export`` wrote, on the CPU, in the number format that it was written in.

    Args:
        path: of the file.
        threads: None takes all cores.

    Raises:
        InputError: the file is missing, damaged, or not one of ours.
    """

    name = "onnxruntime"
    device = "cpu"

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None) -> None:
        self.path = require_file(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or available_cores()
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3  # errors; they also come as exceptions
        try:
            self._session = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no class of their own
            raise InputError(
                f"{path} cannot be read by ONNX Runtime ({' '.join(str(error).split())}); write it again with"
                " `encnet export`"
            ) from error
        metadata = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if metadata is None:
            raise InputError(
                f"{path} was not written by encnet; write it with `encnet export CHECKPOINT --format onnx`"
            )
        self.description = Description.from_json(metadata, path)
        self.precision = self.description.precision
        inputs = self._session.get_inputs()[0]
        self._input, self._shape = inputs.name, inputs.shape
        self._outputs = [output.name for output in self._session.get_outputs() if output.name in Scores._fields]

    def __call__(self, images: np.ndarray) -> Scores:
        """Runs the network, see :class:`encnet.inference.engines.engine.Engine`; arrays."""
        require_size(self.path, self._shape[1:3], images)
        found = self._session.run(self._outputs, {self._input: np.ascontiguousarray(images)})
        outputs: dict[str, Any] = dict(zip(self._outputs, found, strict=True))
        return Scores(outputs["logits"], outputs.get("presence"))
