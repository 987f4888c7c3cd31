"""Label maps of a data set that differ in kind: palettes in another order, transparency. Only headers are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from encnet.data.dataset import DatasetIndex
from encnet.data.palette import Color
from encnet.system.ledger import NAMED


class Disagreement(NamedTuple):
    """A file, and one sentence about how it differs from the others."""

    file: Path
    message: str


def disagreements(index: DatasetIndex) -> Iterator[Disagreement]:
    """Label maps that are read by one rule although they may not mean the same.

    Palettes matter where classes are declared by value: an index that has another colour in another file may be another
    class there.
    """
    by_index = index.labels.encoding == "value" and index.format in ("", "folder")  # published palettes are arbitrary
    declared = [value for value in index.labels.raw if isinstance(value, int) and value < 256] if by_index else []
    first: dict[int, tuple[Color, Path]] = {}
    other_palettes: list[tuple[int, Color, Path]] = []
    transparent: list[Path] = []
    for path in sorted({s.label for samples in index.splits.values() for s in samples if isinstance(s.label, Path)}):
        header = _header(path)
        if header is None:
            continue
        if header.transparent:
            transparent.append(path)
        colors = {value: header.palette[value] for value in declared if value < len(header.palette)}
        different = [value for value, color in colors.items() if first.setdefault(value, (color, path))[0] != color]
        if different:
            other_palettes.append((different[0], colors[different[0]], path))
    if other_palettes:
        value, here, path = other_palettes[0]
        there, other = first[value]
        yield Disagreement(
            path,
            f"the palettes of {_files(len(other_palettes))} differ from that of {other}: index {value} is {there}"
            f" there, but {here} in {path}; classes are read by index: if the colours are right, write `labels: color`"
            " and the colours of the classes into dataset.yaml",
        )
    if transparent:
        named = ", ".join(str(path) for path in transparent[:NAMED]) + (", ..." if len(transparent) > NAMED else "")
        yield Disagreement(
            transparent[0],
            f"{_files(len(transparent))} can be transparent ({named}), which has no effect: the values or colours below"
            " are read",
        )


class _Header(NamedTuple):
    palette: list[Color]
    transparent: bool


def _header(path: Path) -> _Header | None:
    """What the header of a label map says; None if it cannot be read, which is a problem of its own."""
    try:
        with Image.open(path) as image:
            levels = image.getpalette("RGB") or [] if image.mode == "P" else []
            transparent = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
    except Exception:  # also MATLAB files
        return None
    return _Header([(levels[i], levels[i + 1], levels[i + 2]) for i in range(0, len(levels) - 2, 3)], transparent)


def _files(number: int) -> str:
    return f"{number} label map{'s' * (number != 1)}"
