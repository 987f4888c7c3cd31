"""Traces the graph that every format starts from, and writes it in PyTorch's format."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch.export import Dim, ExportedProgram

from encnet.export.wrapper import ExportWrapper
from encnet.system.errors import InputError, first_line

EXAMPLE: tuple[int, int] = (97, 131)
"""Height and width of the images for tracing: not multiples of any stride, and different from each other."""

TRACED: int = 2
"""Number of images for tracing: with one, the graph would hold for one image alone."""


def trace(wrapper: ExportWrapper, size: tuple[int, int] | None = None) -> ExportedProgram:
    """Traces a wrapper to one graph for any number of images.

    Args:
        wrapper: the model to export.
        size: height and width of the images in pixels; None allows any size.

    Raises:
        InputError: a part of the model cannot be exported.
    """
    height, width = size or EXAMPLE
    images = torch.zeros(TRACED, height, width, len(wrapper.scale), dtype=torch.uint8)
    any_size = {} if size else {1: Dim.DYNAMIC, 2: Dim.DYNAMIC}
    try:
        with torch.no_grad():
            program = torch.export.export(
                wrapper,
                (images,),
                dynamic_shapes={"images": {0: Dim.DYNAMIC, **any_size}},
                # Layers that compare sizes, such as TensorFlow's padding, take the same branch for all but tiny images.
                # This option records the branch as an assertion instead of failing.
                prefer_deferred_runtime_asserts_over_guards=True,
            )
    except Exception as error:  # a backbone of timm may contain anything that cannot be traced
        way_out = "give one size, (360, 480) for example" if size is None else "give another one"
        raise InputError(
            f"{wrapper.model.info.variant} cannot be exported for images of {'this' if size else 'any'} size"
            f" ({first_line(error)}); {way_out}",
            "size",
        ) from error
    _tidy(program)
    return program


def _tidy(program: ExportedProgram) -> None:
    """Removes stack traces, which contain paths of source files; and assertions that features are float32, which fail
    when the graph runs in bf16.
    """
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in list(module.graph.nodes):
                node.meta.pop("stack_trace", None)
                if node.target is torch.ops.aten._assert_tensor_metadata.default:
                    module.graph.erase_node(node)
            module.recompile()


def save_program(program: ExportedProgram, path: Path, metadata: Mapping[str, str]) -> None:
    """Writes the graph as a .pt2 file for ``torch.export.load``, with the metadata as extra files."""
    file = io.BytesIO()  # on a full disk, PyTorch's own writer ends the process with signal 6
    torch.export.save(program, file, extra_files=dict(metadata))
    path.write_bytes(file.getbuffer())
