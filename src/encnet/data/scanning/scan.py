"""The classes of a data set that does not describe them: the values or colours in its label maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from encnet.data.class_indices import ignore_of
from encnet.data.file_cache import cache_path, read_cached
from encnet.data.label_statistics import VERSION, LabelStatistics, inspect_label_map
from encnet.data.labels import LabelSet
from encnet.data.palette import Color, distinct_palette
from encnet.data.raw_labels import unpack_color
from encnet.data.scanning.agreement import Agreed, agree
from encnet.data.scanning.decision import Choice, decide
from encnet.data.scanning.distribution import Distribution
from encnet.system.errors import InputError
from encnet.system.progress import progress_bar

_SLOW = 200
"""So many label maps take long enough for a progress bar."""


class Scanned(NamedTuple):
    """The result of a scan."""

    labels: LabelSet
    """The classes."""
    notes: tuple[str, ...]
    """What was decided and why, one sentence each."""


def scan_labels(
    maps: Iterable[Path],
    root: Path,
    encoding: Literal["value", "color"] | None = None,
    ignore: Sequence[int | Color] | None = None,
) -> Scanned:
    """The classes in label maps: their grey values or palette indices, or their colours, in rising order.

    What the files hold decides which values are classes; see :func:`encnet.data.scanning.decision.decide`. Classes are
    called ``class_<value>`` or ``color_<rrggbb>``. Damaged maps are skipped: reading them later raises an error. The
    content of each file is cached.

    Args:
        maps: the label maps.
        root: folder of the data set.
        encoding: how label maps encode classes; None decides by the files.
        ignore: the values or colours that are ignored, all others being classes; None decides by the files.

    Raises:
        InputError: there is no label map, the files do not agree, they hold values that may be mistakes, or there are
            more than 255 classes that are not values in a row. The message ends in the lines of dataset.yaml that
            settle it.
    """
    paths = list(dict.fromkeys(maps))
    with progress_bar(len(paths) >= _SLOW) as bar:
        task = bar.add_task("reading label maps", total=len(paths))
        contents = read_cached(
            paths,
            inspect_label_map,
            cache_path("labels", root),
            VERSION,
            LabelStatistics.to_json,
            LabelStatistics.from_json,
            on_file=lambda: bar.advance(task),
        )
    readable = {path: content for path, content in contents.items() if content.problem is None}
    if not readable:
        problems = [content.problem for content in contents.values() if content.problem]
        raise InputError(
            f"{root} has no readable label map to take classes from"
            + (f": {problems[0]}" if problems else "; label maps are PNG files with the stem of their image")
        )
    agreed = agree(readable, encoding, root)
    _require_few(agreed, readable)
    choice = decide(Distribution.of(agreed.levels, agreed.pixels), agreed.encoding, root, agreed.read, ignore)
    notes = (*agreed.notes, *choice.notes)
    if agreed.encoding == "color":
        return Scanned(_color_labels(choice), notes)
    return Scanned(_value_labels(choice, agreed.palette), notes)


def _require_few(agreed: Agreed, contents: dict[Path, LabelStatistics]) -> None:
    """Raises InputError if there are so many levels that they cannot be classes, whatever they mean."""
    kind = "values" if agreed.encoding == "value" else "colours"
    seen: set[int] = set()
    for path, levels in agreed.levels.items():
        seen |= set(levels.tolist())
        if max(len(seen), contents[path].distinct) > 2**12:
            raise InputError(
                f"the label maps up to {path} hold more than 4096 different {kind}, too many to be classes; smoothed"
                " edges and JPEG compression add some: save label maps as PNG without either, or list the classes in"
                " dataset.yaml with `undeclared: ignore`"
            )


def _value_labels(choice: Choice, palette: dict[int, int]) -> LabelSet:
    spare = distinct_palette(len(choice.classes))
    raw: dict[int | Color, int] = {value: index for index, value in enumerate(choice.classes)}
    ignore = ignore_of(len(choice.classes))
    raw.update(dict.fromkeys(choice.ignored, ignore))
    raw.setdefault(ignore, ignore)
    return LabelSet(
        names=tuple(f"class_{value}" for value in choice.classes),
        palette=tuple(
            unpack_color(palette[value]) if value in palette else spare[index]
            for index, value in enumerate(choice.classes)
        ),
        encoding="value",
        raw=raw,
    )


def _color_labels(choice: Choice) -> LabelSet:
    colors = tuple(unpack_color(color) for color in choice.classes)
    raw: dict[int | Color, int] = {color: index for index, color in enumerate(colors)}
    raw.update({unpack_color(color): ignore_of(len(colors)) for color in choice.ignored})
    return LabelSet(tuple(f"color_{color:06x}" for color in choice.classes), colors, "color", raw)
