"""What to do with a folder that no format recognises, but that a labelling tool seems to have written."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

_NAMES = {"annotations.xml", "data.yaml", "classes.txt", "labelmap.txt", "obj.names"}
_SUFFIXES = {".json", ".zip", ".parquet"}
_MOST = 10_000  # files that are looked at


def labelling_hint(root: Path) -> str:
    """The end of a sentence that names `encnet import-labels`; empty if no file is like those of a labelling tool."""
    for file in islice(root.rglob("*"), _MOST):
        if file.name.lower() in _NAMES or file.suffix.lower() in _SUFFIXES:
            name = file.relative_to(root)
            return (
                f"; if a labelling tool wrote {name}, `encnet import-labels {root} --out data` makes label maps of it"
            )
    return ""
