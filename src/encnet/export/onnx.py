"""The graph as ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch.export import ExportedProgram

from encnet.export.winograd import translations

DIMENSIONS = ("N", "H", "W")
"""Names of the dimensions of the images that vary."""


def save_onnx(program: ExportedProgram, path: Path, metadata: Mapping[str, str]) -> None:
    """Writes what :func:`encnet.export.program.trace` returns as one .onnx file, checked against the standard.

    Args:
        program: with the input ``images`` and a dictionary of outputs, which keep their names.
        path: of the file.
        metadata: becomes ``metadata_props``.
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
        node.metadata_props.clear()  # else each says by which lines of which files, on this machine, it was computed
    converted.model.metadata_props.update(metadata)
    converted.save(path, external_data=False)
    onnx.checker.check_model(path, full_check=True)
