"""Writes a graph in the intermediate representation of OpenVINO."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from encnet.inference.engines.openvino_core import openvino_core
from encnet.inference.engines.telemetry import no_telemetry
from encnet.system.unwritable import require_room

GRAPH: int = 2**21
"""Upper bound on the bytes of an .xml file."""


def read_onnx(path: Path) -> Any:
    """Reads an ONNX file as a model of OpenVINO."""
    return openvino_core().read_model(path)


def save_openvino(model: Any, path: Path, metadata: Mapping[str, str]) -> None:
    """Writes an .xml file, with the metadata in ``rt_info``, and its .bin file beside it; weights stay float32.

    Raises:
        OSError: the folder does not take the bytes of the weights.
    """
    with no_telemetry():
        import openvino

    for key, text in metadata.items():
        model.set_rt_info(text, key)
    try:
        openvino.save_model(model, path, compress_to_fp16=False)
    except RuntimeError:  # "iostream error", after which the files are deleted
        constants = (each for each in model.get_ops() if each.get_type_name() == "Constant")
        require_room(path.parent, sum(each.get_byte_size() for each in constants) + GRAPH)
        raise
