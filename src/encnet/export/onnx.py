"""Writes a graph as ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch.export import ExportedProgram

from encnet.export.winograd import translations

DIMENSIONS: tuple[str, str, str] = ("N", "H", "W")
"""Names of the variable dimensions of the images."""


def save_onnx(program: ExportedProgram, path: Path, metadata: Mapping[str, str]) -> None:
    """Writes the graph of :func:`encnet.export.program.trace` as one .onnx file, and checks it against the standard.

    Args:
        program: graph with the input ``images`` and a dictionary of outputs, which keep their names.
        path: path of the file.
        metadata: metadata of the file, stored as ``metadata_props``.
    """
    import onnx

    outputs = program.call_spec.out_spec
    assert outputs is not None
    converted = torch.onnx.export(
        program,
        input_names=["images"],
        output_names=list(outputs.context),
        dynamic_shapes={"images": dict(enumerate(DIMENSIONS))},
        custom_translation_table=translations(),
        verbose=False,
    )
    assert converted is not None
    for node in converted.model.graph.all_nodes():
        node.metadata_props.clear()  # they contain the paths and lines of the source code
    converted.model.metadata_props.update(metadata)
    converted.save(path, external_data=False)
    onnx.checker.check_model(path, full_check=True)
