"""The classes of a data set that is imported: which labels become classes, which are ignored, and their colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from encnet.data.class_indices import MAX_CLASSES, ignore_of
from encnet.data.labelling.annotations import Annotations
from encnet.data.labels import LabelSet
from encnet.data.palette import Color, distinct_palette
from encnet.system.errors import InputError

IGNORE_LABEL: str = "__ignore__"
"""labelme's label for ignored areas."""


def label_set(
    annotations: Annotations, classes: Sequence[str], background: str | None, ignore: Sequence[str]
) -> tuple[LabelSet, dict[str, int]]:
    """The classes, and a mapping of label -> class index or :attr:`LabelSet.ignore`.

    Args:
        annotations: everything that was read.
        classes: labels that become classes, in this order; if empty, all labels in the tool's order.
        background: class of pixels outside all areas; None if there is none.
        ignore: labels whose areas are ignored; ``IGNORE_LABEL`` always is.

    Raises:
        InputError: a label is not in the annotations or has two meanings, or there are too many classes.
    """
    ignored = {*ignore, IGNORE_LABEL}
    for label in [*classes, *([] if background is None else [background])]:
        if label in ignored:
            raise InputError(f"the label '{label}' cannot be both a class and ignored; choose one", "ignore")
    known = [label for label in annotations.labels if label.strip() and label != IGNORE_LABEL]
    for argument, labels in (("classes", classes), ("ignore", ignore)):
        for label in labels:
            if label not in annotations.labels and label != background:
                message = f"there is no label '{label}'; the labels are {', '.join(known) or 'none'}"
                raise InputError(message, argument)
    names = list(dict.fromkeys(classes or [label for label in known if label not in ignored]))
    if background is not None and background not in names:
        names.insert(0, background)
    if not 1 <= len(names) <= MAX_CLASSES:
        raise InputError(f"there are {len(names)} labels to make classes of; choose 1 to {MAX_CLASSES}", "classes")
    values = {**{name: index for index, name in enumerate(names)}, **dict.fromkeys(ignored, ignore_of(len(names)))}
    return LabelSet.plain(names, _palette([annotations.labels.get(name) for name in names])), values


def _palette(wanted: Sequence[Color | None]) -> list[Color]:
    """The tool's colours, and distinct ones for classes that have none or share one."""
    own = set(wanted)
    spare = iter(color for color in distinct_palette(min(MAX_CLASSES, 2 * len(wanted))) if color not in own)
    palette: dict[Color, None] = {}
    for color in wanted:
        palette[next(spare) if color is None or color in palette else color] = None
    return list(palette)


def alike_labels(labels: Iterable[str]) -> list[str]:
    """A sentence for each group of labels that differ only in upper and lower case or in spaces."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault("".join(label.split()).casefold(), []).append(label)
    return [
        f"the labels {', '.join(repr(label) for label in group)} differ only in case or spaces and are separate"
        " classes; if they mean the same, rename them in the labelling tool"
        for group in groups.values()
        if len(group) > 1
    ]
