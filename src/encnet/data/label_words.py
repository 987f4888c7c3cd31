"""Raw labels and their classes in words: the table of a data set, and the message about undeclared labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from encnet.data.derived_labels import DerivedLabels
from encnet.data.palette import Color

if TYPE_CHECKING:
    from encnet.data.labels import LabelSet


def label_table(labels: LabelSet) -> str:
    """A text table of all raw values or colours and their classes, one per line."""
    rows = [(_text(raw), _target_text(target, labels)) for raw, target in labels.raw.items()]
    rest = "error" if labels.undeclared is None else _target_text(labels.undeclared, labels)
    head = "value" if labels.encoding == "value" else "colour"
    width = max(len(left) for left, _ in [(head, ""), ("any other", ""), *rows])
    return "\n".join(
        [f"{head:<{width}}    class", *(f"{left:<{width}} -> {right}" for left, right in [*rows, ("any other", rest)])]
    )


def undeclared_message(found: Mapping[int | Color, int], path: str | Path | DerivedLabels) -> str:
    """The sentence about undeclared labels of one label map.

    Args:
        found: value or colour -> number of pixels; at least one.
        path: the label map.
    """
    kind = "value" if isinstance(next(iter(found)), int) else "colour"
    counts = [f"{_text(value)} ({count} pixels)" for value, count in found.items()]
    listed = ", ".join(counts[:5]) + (f" and {len(counts) - 5} more" if len(counts) > 5 else "")
    return (
        f"the label map {path} has undeclared {kind}{'s' * (len(counts) > 1)} {listed};"
        " declare each as a class in dataset.yaml or list it under `ignore`"
    )


def _target_text(target: int, labels: LabelSet) -> str:
    if target == labels.ignore:
        return "ignored"
    return f"{target} {labels.names[target]} {_text(labels.palette[target])}"


def _text(raw: int | Color) -> str:
    return str(raw) if isinstance(raw, int) else "({}, {}, {})".format(*raw)
