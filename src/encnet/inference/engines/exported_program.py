"""Programs of ``torch.export`` as an engine."""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.export import ExportedProgram

from encnet.inference.engines.description import METADATA_KEY, Description
from encnet.inference.engines.engine import Precision, Scores, require_file, require_size
from encnet.inference.engines.graph import Port, cannot_run, require_graph, require_scores
from encnet.inference.engines.pytorch import check_precision, tensor_of
from encnet.system.archives import require_uncompressed
from encnet.system.errors import InputError, first_line


class ExportedProgramEngine:
    """Runs a .pt2 file of ``encnet export`` on the CPU.

    Such a file is a program, and loading it executes code: load only files that you trust.

    Args:
        path: path of the file.
        precision: "fp32"; or "bf16", by autocast.

    Raises:
        InputError: the file is missing, damaged or not written by encnet, its graph differs from its description, or
            the precision is not available.
    """

    name = "torch.export"
    device = "cpu"

    def __init__(self, path: str | os.PathLike[str], precision: Precision = "fp32") -> None:
        check_precision(precision, torch.device("cpu"))
        self.path: Path = require_file(path)
        self.precision: str = precision
        self.description: Description = Description.from_json(_metadata(self.path), path)
        try:
            with _quiet():
                program = torch.export.load(path)
            inputs, outputs = _ports(program)
            self._program: Any = program.module()
        except Exception as error:
            raise InputError(
                f"{path} cannot be read by torch.export ({first_line(error)}); write it again with `encnet export`"
            ) from error
        require_graph(path, inputs, outputs, self.description)
        self._shape = inputs[0].shape or ()

    def __call__(self, images: np.ndarray) -> Scores:
        """Runs the network; see :class:`encnet.inference.engines.engine.Engine`. Returns tensors on the CPU."""
        require_size(self.path, self._shape[1:3], images)
        half = self.precision == "bf16"
        try:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
                outputs = self._program(tensor_of(images))
                scores = Scores(outputs["logits"], outputs.get("presence"))
        except Exception as error:
            raise cannot_run(self.path, error) from error
        return require_scores(self.path, scores, len(images), self.description)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps PyTorch from logging the traceback of an error that it also raises."""
    log = logging.getLogger("torch.export")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def _ports(program: ExportedProgram) -> tuple[list[Port], list[Port]]:
    """Inputs and outputs of a program; outputs by the keys of the mapping that it returns."""
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    signature, spec = program.graph_signature, program.call_spec.out_spec
    keys = spec.context if spec is not None and spec.type is dict else []
    inputs = [_port(name, values.get(name)) for name in map(str, signature.user_inputs)]
    outputs = [_port(key, values.get(str(name))) for key, name in zip(keys, signature.user_outputs, strict=True)]
    return inputs, outputs


def _port(name: str, value: Any) -> Port:
    if not isinstance(value, torch.Tensor):
        return Port(name, type(value).__name__, None)
    return Port(name, str(value.dtype).removeprefix("torch."), list(value.shape))


def _metadata(path: Path) -> str:
    """The metadata that `encnet export` wrote into a .pt2 file, a zip archive; read without PyTorch's reader."""
    require_uncompressed(path)
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.endswith(f"/extra/{METADATA_KEY}"):
                        return archive.read(name).decode("utf-8", errors="replace")
        except Exception as error:  # a damaged archive raises nearly anything
            raise InputError(f"{path} is a damaged archive ({first_line(error)}); copy it again") from error
    raise InputError(f"{path} was not written by encnet; write it with `encnet export CHECKPOINT`")
