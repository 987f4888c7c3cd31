"""Raw labels and their classes in words: the table of a data set, and the message about undeclared labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from encnet.data.derived_labels import DerivedLabels
from encnet.data.palette import Color
from encnet.system.text import counted


def label_table(
    raw: Mapping[int | Color, int],
    undeclared: int | None,
    encoding: Literal["value", "color"],
    names: Sequence[str],
    palette: Sequence[Color],
) -> str:
    """A text table of all raw values or colours and their classes, one per line.

    Args: the attributes of :class:`encnet.data.labels.LabelSet`.
    """

    def meaning(target: int) -> str:
        return f"{target} {names[target]} {_text(palette[target])}" if target < len(names) else "ignored"

    rows = [(_text(label), meaning(target)) for label, target in raw.items()]
    rows.append(("any other", "error" if undeclared is None else meaning(undeclared)))
    head = "value" if encoding == "value" else "colour"
    width = max(len(left) for left, _ in [(head, ""), *rows])
    return "\n".join([f"{head:<{width}}    class", *(f"{left:<{width}} -> {right}" for left, right in rows)])


def undeclared_message(found: Mapping[int | Color, int], path: str | Path | DerivedLabels) -> str:
    """The sentence about undeclared labels of one label map.

    Args:
        found: value or colour -> number of pixels; at least one.
        path: the label map.
    """
    kind = "value" if isinstance(next(iter(found)), int) else "colour"
    counts = [f"{_text(value)} ({counted(count, 'pixel')})" for value, count in found.items()]
    listed = ", ".join(counts[:5]) + (f" and {len(counts) - 5} more" if len(counts) > 5 else "")
    return (
        f"the label map {path} has undeclared {kind}{'s' * (len(counts) > 1)} {listed};"
        " declare each as a class in dataset.yaml or list it under `ignore`"
    )


def _text(raw: int | Color) -> str:
    return str(raw) if isinstance(raw, int) else "({}, {}, {})".format(*raw)
