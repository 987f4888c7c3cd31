"""Output among the photographs and label maps of a data set is refused: it would be read as more of them."""

from __future__ import annotations

from pathlib import Path

from encnet.data.dataset import DatasetIndex
from encnet.data.sample_files import files_of
from encnet.system.errors import InputError

_OWN = ("", "folder")
"""Formats whose folders are searched: further folders beside those of the splits may be read as splits."""


def require_outside(index: DatasetIndex, out: Path) -> None:
    """Refuses to write pictures where the next reading of a data set would find them.

    Args:
        index: the data set.
        out: folder of the output.

    Raises:
        InputError: ``out`` is, or lies in, a folder with photographs or label maps of the data set.
    """
    root, place = index.root.resolve(), out.resolve()
    samples = [sample for split in index.splits.values() for sample in split]
    parts = [part for sample in samples for part in sample[:2] if part is not None]
    for folder in sorted({path.parent for part in parts for path in files_of(part)}):
        held = folder.resolve()
        if index.format in _OWN and held.is_relative_to(root) and held != root:
            held = root / held.relative_to(root).parts[0]
        # Beside photographs in the folder of the data set itself, a folder of output is not read.
        if place == held or (held != root and place.is_relative_to(held)):
            raise InputError(
                f"{out} lies among the photographs or label maps of {index.root}, and would be read as more of them;"
                " choose a place outside of it",
                "out",
            )
