"""The graph of an exported file: whether it takes images and returns scores as its description says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from encnet.inference.engines.description import Description
from encnet.inference.engines.engine import Scores
from encnet.system.errors import InputError
from encnet.system.text import counted, shortened


class Port(NamedTuple):
    """An input or an output of a graph, as the engine describes it."""

    name: str
    dtype: str
    """Type of the numbers: "uint8", "float32", or the engine's own word for another type."""
    shape: Sequence[Any] | None
    """Sides; a side that is not an integer is free. None if even their number is free."""


def require_graph(
    path: str | os.PathLike[str], inputs: Sequence[Port], outputs: Sequence[Port], description: Description
) -> None:
    """Refuses a graph that differs from its description, before it runs.

    Args:
        path: path of the file, for the message.
        inputs: its inputs.
        outputs: its outputs; those that encnet does not read are passed over.
        description: the description in the file.

    Raises:
        InputError: the graph has not one input, uint8 (B, H, W, C); or no output logits, float (B, classes, h, w); or
            presence, float (B, classes), where the description has none, or none where it has one.
    """
    bands, classes = len(description.info.mean), description.num_classes
    by_name = {port.name: port for port in outputs}
    if len(inputs) != 1:
        raise _misfit(path, f"has {len(inputs)} inputs instead of one")
    _require_port(path, "input", inputs[0], "uint8", (None, None, None, bands))
    if ("presence" in by_name) != description.presence:
        raise _misfit(path, f"has {'an' if 'presence' in by_name else 'no'} output presence, unlike its description")
    for name, shape in (("logits", (None, classes, None, None)), ("presence", (None, classes))):
        if name in by_name:
            _require_port(path, f"output {name}", by_name[name], "float32", shape)
        elif name == "logits":
            raise _misfit(path, "has no output logits")


def require_scores(path: str | os.PathLike[str], scores: Scores, batch: int, description: Description) -> Scores:
    """Returns the scores of a graph, unless their shape or their values are not what the description promises.

    Args:
        path: path of the file, for the message.
        scores: the outputs of the graph, arrays or tensors.
        batch: number of images.
        description: the description in the file.

    Raises:
        InputError: an output is missing or has another shape, or a value is NaN or infinite.
    """
    for name, value, rank in (("logits", scores.logits, 4), ("presence", scores.presence, 2)):
        if value is None:
            continue
        shape = tuple(value.shape)
        if len(shape) != rank or shape[:2] != (batch, description.num_classes) or 0 in shape:
            raise _misfit(
                path,
                f"gives {name} of shape {shape} for {counted(batch, 'image')} and"
                f" {counted(description.num_classes, 'class')}",
            )
        if not bool((abs(value) < float("inf")).all()):  # false for NaN too
            raise _misfit(path, f"gives {name} that are not finite")
    return scores


def cannot_run(path: str | os.PathLike[str], error: Exception) -> InputError:
    """Returns the error for a graph that its engine cannot run."""
    return _misfit(path, f"cannot be run ({shortened(str(error) or type(error).__name__)})")


def _require_port(path: str | os.PathLike[str], name: str, port: Port, dtype: str, shape: Sequence[int | None]) -> None:
    given = port.shape
    fits = given is not None and len(given) == len(shape)
    if fits and given is not None:
        sides = zip(given, shape, strict=True)
        fits = all(not isinstance(side, int) or (side > 0 and side == (wanted or side)) for side, wanted in sides)
    if port.dtype != dtype or not fits:
        words = "of any rank" if given is None else f"({', '.join(map(_side, given))})"
        wanted = ", ".join("any" if side is None else str(side) for side in shape)
        raise _misfit(path, f"has the {name} {shortened(f'{port.dtype} {words}')} instead of {dtype} ({wanted})")


def _side(side: object) -> str:
    return str(side) if isinstance(side, int) else "any"


def _misfit(path: str | os.PathLike[str], what: str) -> InputError:
    return InputError(f"{path} {what}, so encnet cannot read its scores; write it again with `encnet export`")
