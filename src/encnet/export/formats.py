"""The formats that a model can be exported to: a new one is a file with its writer, and a line in :data:`FORMATS`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from torch.export import ExportedProgram

from encnet.export.onnx import save_onnx
from encnet.export.openvino import read_onnx, save_openvino
from encnet.export.program import save_program
from encnet.export.quantization import quantize
from encnet.inference.engines.engine import EngineName

Precision = Literal["fp32", "bf16", "int8"]
"""Number formats to export for. A file for bf16 contains float32; the engine rounds it."""

Writer = Callable[[ExportedProgram, Path, Mapping[str, str], Sequence[np.ndarray], bool], None]
"""Writes a file: (graph, path, metadata, calibration images, show progress). The calibration images, uint8 (1, H, W, C)
each, are empty unless the precision is int8."""


@dataclass(frozen=True)
class ExportFormat:
    """A format of exported models."""

    suffix: str
    """Suffix of the file."""
    precisions: tuple[Precision, ...]
    """The precisions that it supports."""
    engine: EngineName
    """The engine that reads the file; used to compare the file with the model."""
    libraries: tuple[str, ...]
    """Packages needed for writing and reading."""
    write: Writer
    """Writes the file."""
    winograd: bool = False
    """Whether wide 3x3 convolutions may use Winograd's method, which is too inexact for half precision."""
    beside: tuple[str, ...] = ()
    """Suffixes of further files of the same name that the format consists of."""
    extra: str | None = None
    """The extra of encnet that installs the libraries, "onnx" for example."""


def _write_onnx(
    program: ExportedProgram, path: Path, metadata: Mapping[str, str], calibration: Sequence[np.ndarray], progress: bool
) -> None:
    save_onnx(program, path, metadata)


def _write_openvino(
    program: ExportedProgram, path: Path, metadata: Mapping[str, str], calibration: Sequence[np.ndarray], progress: bool
) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        save_onnx(program, Path(folder, "graph.onnx"), {})
        model = read_onnx(Path(folder, "graph.onnx"))
        save_openvino(quantize(model, calibration, progress) if calibration else model, path, metadata)
        del model  # it reads its weights from the folder


def _write_torch(
    program: ExportedProgram, path: Path, metadata: Mapping[str, str], calibration: Sequence[np.ndarray], progress: bool
) -> None:
    save_program(program, path, metadata)


_ONNX = ("onnx", "onnxscript", "onnxruntime")

FORMATS: dict[str, ExportFormat] = {
    "onnx": ExportFormat(".onnx", ("fp32",), "onnxruntime", _ONNX, _write_onnx, winograd=True, extra="onnx"),
    "openvino": ExportFormat(
        ".xml",
        ("fp32", "bf16", "int8"),
        "openvino",
        ("onnx", "onnxscript", "openvino"),
        _write_openvino,
        beside=(".bin",),  # the weights
        extra="openvino",
    ),
    "torch": ExportFormat(".pt2", ("fp32", "bf16"), "pytorch", (), _write_torch),
}
"""The formats by name. If several formats share a suffix, the suffix alone selects the first of them."""
