"""PASCAL Context with background ignored: the files of ``pascal_context``, so this format is never detected."""

from __future__ import annotations

from pathlib import Path

from encnet.data.dataset import DatasetIndex
from encnet.data.formats.pascal_context import read_classes


def recognise(root: Path) -> str | None:
    """None: this format is used only if it is named."""
    return None


def read(root: Path) -> DatasetIndex:
    """The splits train and val, with background ignored and classes 0 to 58.

    Raises:
        InputError: as for ``pascal_context``.
    """
    return read_classes(root, "pascal_context59", background=False)
