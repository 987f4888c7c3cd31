"""OpenVINO as an engine."""

from __future__ import annotations

import os

import numpy as np

from encnet.errors import InputError
from encnet.inference.engines.description import METADATA_KEY, Description
from encnet.inference.engines.engine import Precision, Scores, available_cores, require_file, require_size
from encnet.inference.engines.openvino_core import openvino_core
from encnet.inference.engines.telemetry import no_telemetry

with no_telemetry():
    import openvino


class OpenVINOEngine:
    """Runs an .xml or .onnx file that ``encnet export`` wrote, on the CPU.

    OpenVINO by itself computes in bf16 where the CPU has it. Here it does so where it is asked to, or where the file
    was exported for it.

    Args:
        path: of the file; an .xml file has its weights in a .bin file beside it.
        precision: "fp32", or of an .xml file "bf16" on a CPU that has it; what is int8 in the file stays int8.
        threads: None takes all cores.

    Raises:
        InputError: the file is missing, damaged, or not one of ours, or the CPU cannot compute in the precision.
    """

    name = "openvino"
    device = "cpu"

    def __init__(self, path: str | os.PathLike[str], precision: Precision = "fp32", threads: int | None = None) -> None:
        self.path = require_file(path)
        if precision == "bf16" and self.path.suffix.lower() == ".onnx":
            raise InputError(
                f"{path} is for fp32, as .onnx files have convolutions that bf16 is too coarse for; export it with"
                " --format openvino"
            )
        core = openvino_core()
        has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "fp16" or (precision == "bf16" and not has_bf16):
            raise InputError(f"OpenVINO does not compute in {precision} on this CPU; choose fp32")
        try:
            model = core.read_model(self.path)
        except Exception as error:  # its errors have no class of their own
            raise InputError(
                f"{path} cannot be read by OpenVINO ({' '.join(str(error).split())}); write it again with"
                " `encnet export`"
            ) from error
        self.description = Description.from_json(_metadata(model, self.path), path)
        half = has_bf16 and "bf16" in (precision, self.description.precision)
        self.precision = "int8" if self.description.precision == "int8" else "bf16" if half else "fp32"
        self._compiled = core.compile_model(
            model,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": threads or available_cores(),
                "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            },
        )
        self._request = self._compiled.create_infer_request()
        shape = self._compiled.input(0).partial_shape
        self._shape = [None if side.is_dynamic else side.get_length() for side in shape]

    def __call__(self, images: np.ndarray) -> Scores:
        """Runs the network, see :class:`encnet.inference.engines.engine.Engine`; arrays."""
        require_size(self.path, self._shape[1:3], images)
        outputs = self._request.infer([np.ascontiguousarray(images)], share_inputs=True)
        return Scores(outputs["logits"], outputs["presence"] if self.description.presence else None)


def _metadata(model: openvino.Model, path: os.PathLike[str]) -> str:
    """What `encnet export` wrote into the file; what an .onnx file says comes in a section of its own."""
    for place in ([METADATA_KEY], ["framework", METADATA_KEY]):
        if model.has_rt_info(place):
            return str(model.get_rt_info(place).value)
    raise InputError(f"{path} was not written by encnet; write it with `encnet export CHECKPOINT --format openvino`")
