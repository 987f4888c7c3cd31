"""The graph that every format starts from, and PyTorch's own file of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch.export import Dim, ExportedProgram

from encnet.errors import InputError
from encnet.export.wrapper import ExportWrapper

EXAMPLE = (97, 131)
"""Height and width of the images that the graph is traced with: no multiple of any stride, and different."""


def trace(wrapper: ExportWrapper, size: tuple[int, int] | None = None) -> ExportedProgram:
    """The wrapper as one graph, for any number of images.

    Args:
        wrapper: what to export.
        size: height and width of the images, in pixels; None is any.

    Raises:
        InputError: some part of the model cannot be exported.
    """
    height, width = size or EXAMPLE
    images = torch.zeros(2, height, width, len(wrapper.scale), dtype=torch.uint8)
    any_size = {} if size else {1: Dim.DYNAMIC, 2: Dim.DYNAMIC}
    try:
        with torch.no_grad():
            program = torch.export.export(
                wrapper,
                (images,),
                dynamic_shapes={"images": {0: Dim.DYNAMIC, **any_size}},
                # Layers that compare sizes, as TensorFlow's padding does, find the same for all but tiny images; this
                # notes what they found instead of refusing.
                prefer_deferred_runtime_asserts_over_guards=True,
            )
    except Exception as error:  # whatever a backbone of timm's does that cannot be traced
        way_out = "give the one size it shall have, --size [360,480] for example" if size is None else "take another"
        raise InputError(
            f"{wrapper.model.info.variant} cannot be exported for images of {'this' if size else 'any'} size"
            f" ({first_line(error)}); {way_out}"
        ) from error
    _tidy(program)
    return program


def _tidy(program: ExportedProgram) -> None:
    """Takes from the graph what only this process can know: by which lines of which files each part was computed; and
    that features are float32, which they are not where the graph runs in bf16.
    """
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in list(module.graph.nodes):
                node.meta.pop("stack_trace", None)
                if node.target is torch.ops.aten._assert_tensor_metadata.default:
                    module.graph.erase_node(node)
            module.recompile()


def save_program(program: ExportedProgram, path: Path, metadata: Mapping[str, str]) -> None:
    """Writes the graph as a .pt2 file, which ``torch.export.load`` reads, with the metadata as extra files."""
    torch.export.save(program, path, extra_files=dict(metadata))


def first_line(error: BaseException) -> str:
    """What an error of a library says, as far as it fits into a sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
