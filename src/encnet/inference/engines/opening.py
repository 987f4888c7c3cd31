"""Opens a model, or the file of one, in the engine that runs it."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from encnet.inference.engines.engine import Engine, EngineName, Precision
from encnet.system.checks import require
from encnet.system.errors import InputError

if TYPE_CHECKING:
    import torch

    from encnet.checkpoint.encnet import EncNet

_EXPORTED: dict[str, tuple[EngineName, ...]] = {
    ".onnx": ("onnxruntime", "openvino"),
    ".xml": ("openvino",),
    ".pt2": ("pytorch",),
}
"""Suffix of an exported model -> the engines that run it; "auto" selects the first."""


def open_engine(
    source: EncNet | str | os.PathLike[str],
    engine: EngineName = "auto",
    device: str | torch.device = "auto",
    precision: Precision = "fp32",
) -> Engine:
    """Opens a model in an engine.

    Args:
        source: a model, anything that ``encnet.load`` takes, or a file of ``encnet export``: .onnx, .xml or .pt2.
        engine: "pytorch", "compile" (PyTorch, through torch.compile), "onnxruntime" (.onnx), "openvino" (.xml and
            .onnx), or "auto": ONNX Runtime for .onnx, OpenVINO for .xml, PyTorch for everything else.
        device: "cpu", "cuda", "cuda:1", ..., or "auto" for the GPU if there is one. Exported models run on the CPU.
        precision: "fp32"; "bf16", except in ONNX Runtime; "fp16", in PyTorch on a GPU. ONNX Runtime always computes in
            the precision of the file; leave "fp32" there.

    Raises:
        InputError: the engine cannot run this source, its library is not installed, the device or the precision is not
            available, or the file is missing, damaged or not written by encnet.
    """
    if engine not in get_args(EngineName):
        raise InputError(f"there is no engine {engine!r}; choose one of {', '.join(get_args(EngineName))}", "engine")
    require(precision in get_args(Precision), "precision", repr(precision), "fp32, bf16 or fp16")
    suffix = Path(source).suffix.lower() if isinstance(source, str | os.PathLike) else ""
    if suffix in _EXPORTED:
        engines = _EXPORTED[suffix]
        chosen = engines[0] if engine == "auto" else engine
        if chosen not in engines:
            raise InputError(f"{source} runs in {' or '.join(engines)}, not in {engine}; choose {engines[0]}", "engine")
        if str(device) not in ("auto", "cpu"):
            raise InputError(f"{source} runs on the CPU, not on {device}; choose cpu, or give the checkpoint", "device")
        return _exported(source, chosen, precision)
    if engine in ("onnxruntime", "openvino"):
        raise InputError(
            f"{_name(source)} does not run in {engine} as it is; export it with `encnet export` to"
            f" {'an .onnx' if engine == 'onnxruntime' else 'an .xml'} file, and give that file",
            "engine",
        )
    pytorch = _import("pytorch", "torch", "PyTorch", "torch torchvision timm")
    if isinstance(source, str | os.PathLike):
        source = import_module("encnet.checkpoint.loading").load(source)
    return pytorch.PyTorchEngine(source, device, precision, compiled=engine == "compile")


def _exported(path: Any, engine: str, precision: Precision) -> Engine:
    if engine == "onnxruntime":
        if precision != "fp32":
            raise InputError(
                f"ONNX Runtime runs {path} in the precision it was exported in; leave out {precision}", "precision"
            )
        return _import("onnxruntime", "onnxruntime", "ONNX Runtime", "'encnet[onnx]'").OnnxRuntimeEngine(path)
    if engine == "openvino":
        return _import("openvino", "openvino", "OpenVINO", "'encnet[openvino]'").OpenVINOEngine(path, precision)
    return _import("exported_program", "torch", "PyTorch", "torch").ExportedProgramEngine(path, precision)


def _import(module: str, library: str, title: str, install: str) -> Any:
    """Imports a module of this package that needs a library.

    Raises:
        InputError: the library is not installed.
    """
    try:
        return import_module(f"encnet.inference.engines.{module}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != library:
            raise
        raise InputError(f"this model runs in {title}, which is not installed; `pip install {install}`") from error


def _name(source: Any) -> str:
    return str(source) if isinstance(source, str | os.PathLike) else "a model in memory"
