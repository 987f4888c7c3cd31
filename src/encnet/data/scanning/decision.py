"""Decides which raw labels are classes; doubtful ones are errors with the lines of dataset.yaml that settle it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from encnet.data.class_indices import IGNORE, NARROW_CLASSES, WIDE_IGNORE, counts_up, ignored_value
from encnet.data.grey_depth import few
from encnet.data.palette import Color
from encnet.data.raw_labels import pack_color, unpack_color
from encnet.data.scanning.distribution import Distribution, verdict_on_255
from encnet.data.scanning.edges import first_pixel, has_block, smoothed_levels
from encnet.system.errors import InputError

_EXAMPLES = 16
"""Number of label maps that are read again to see where rare values lie."""


Encoding = Literal["value", "color"]
Reader = Callable[[Path], np.ndarray]


@dataclass
class Choice:
    """Which raw labels are classes.

    Attributes:
        classes: values or packed colours, in rising order.
        ignored: values or packed colours that are ignored.
        notes: what was decided and why, one sentence each.
    """

    classes: list[int]
    ignored: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def decide(
    distribution: Distribution,
    encoding: Encoding,
    root: Path,
    read: Reader,
    ignore: Sequence[int | Color] | None = None,
) -> Choice:
    """Decides which raw labels are classes.

    - If the owner lists the ignored labels, all others are classes.
    - Values that lie only along the edges of areas come from smoothing: an error.
    - A value of few pixels in few files that breaks the order of the others is a slip: an error.
    - 255 is a class in masks of 0 and 255 and where it continues even steps (0, 85, 170, 255); it is ignored beside
      values that count up from 0 or 1 and where it stands far apart; otherwise it is an error.
    - Beside more than 255 other values, 65535 is ignored instead of 255.
    - All other values and colours are classes: up to 255, or more values that count up from 0 or 1.

    Args:
        distribution: the raw labels of all files.
        encoding: whether they are values or packed colours.
        root: folder of the data set, for messages.
        read: label map -> (H, W) raw labels.
        ignore: the ignored values or colours, if the owner lists them.

    Raises:
        InputError: see above.
    """
    if encoding == "value" and list(distribution.levels) == [IGNORE]:
        raise InputError(f"the label maps of {root} contain nothing but 255, which is ignored; label their pixels")
    if ignore is None:
        _refuse_smoothing(distribution, encoding, root, read)
        _refuse_strays(distribution, encoding, root, read)
        choice = _by_value(distribution, root) if encoding == "value" else _by_color(distribution)
    else:
        packed = [label if isinstance(label, int) else pack_color(label) for label in ignore]
        classes = [int(level) for level in distribution.levels if level not in packed]
        choice = Choice(classes, packed)
        choice.notes.append(f"{_listed(classes, encoding)} are classes, as dataset.yaml says")
    if not choice.classes:
        raise InputError(f"the label maps of {root} contain nothing but ignored pixels; label them")
    if len(choice.classes) > NARROW_CLASSES and (encoding == "color" or not counts_up(choice.classes)):
        kind = "values that do not count up from 0 or 1" if encoding == "value" else "colours"
        raise InputError(
            f"the label maps of {root} hold {len(choice.classes)} different {kind}, more than the {NARROW_CLASSES}"
            " classes that are taken from label maps alone; smoothed edges and JPEG compression add some: save label"
            " maps as PNG without either, or list the classes in dataset.yaml with `undeclared: ignore`"
        )
    return choice


def _by_value(distribution: Distribution, root: Path) -> Choice:
    levels = [int(level) for level in distribution.levels]
    classes = [level for level in levels if level != WIDE_IGNORE]
    if _is_long_row(levels):
        ignored = [WIDE_IGNORE] if levels[-1] == WIDE_IGNORE else []
        note = f"{_files(distribution)} the values {_ranges(levels)}; each up to {classes[-1]} is a class"
        return Choice(classes, ignored, [note + ", and 65535, which no class reaches, is ignored" * bool(ignored)])
    if ignored_value(set(levels)) == WIDE_IGNORE and len(classes) > NARROW_CLASSES:
        return Choice(levels)  # too many for what they are
    if levels[-1] == WIDE_IGNORE and counts_up(levels[:-1]):
        settle = {f"ignore: [{levels[-1]}]": "it is ignored", "ignore: []": "it is a class"}
        raise InputError(
            f"the label maps of {root} hold the values {_ranges(levels)}, and it is not clear what {levels[-1]}, white"
            f" in 16 bits, means; {_lines(root, settle)}"
        )
    if IGNORE not in levels:
        return Choice(levels, [], [f"{_files(distribution)} the values {_ranges(levels)}; each is a class"])
    verdict = verdict_on_255(distribution)
    share = f"{distribution.share(IGNORE):.2%} of the pixels"
    if verdict.ignored is None:
        raise InputError(
            f"the label maps of {root} hold the values {_ranges(levels)}, and it is not clear what 255 ({share}) means:"
            f" {verdict.reason}; {_lines(root, {'ignore: [255]': 'it is ignored', 'ignore: []': 'it is a class'})}"
        )
    values = f"{_files(distribution)} the values {_ranges(levels)}; "
    if not verdict.ignored:
        return Choice(levels, [], [f"{values}each is a class, 255 ({share}) too: {verdict.reason}"])
    classes = [level for level in levels if level != IGNORE]
    return Choice(classes, [IGNORE], [f"{values}255 ({share}) is ignored: {verdict.reason}"])


def _by_color(distribution: Distribution) -> Choice:
    classes = [int(level) for level in distribution.levels]
    return Choice(classes, [], [f"{_files(distribution)} {len(classes)} colours; each is a class"])


def _files(distribution: Distribution) -> str:
    number = len(distribution.paths)
    return "1 label map holds" if number == 1 else f"{number} label maps hold"


def _refuse_smoothing(distribution: Distribution, encoding: Encoding, root: Path, read: Reader) -> None:
    """Raises InputError if some levels lie only along the edges of areas."""
    levels, pixels = distribution.levels, distribution.pixels
    rare = pixels <= 0.02 * pixels.sum()
    order = np.argsort(-distribution.present[:, rare].sum(axis=1), kind="stable")[:_EXAMPLES]
    examples = [distribution.paths[row] for row in order if distribution.present[row][rare].any()]
    smoothed = smoothed_levels(levels, pixels, examples, read, ordered=encoding == "value")
    if smoothed:
        kept = [int(level) for level in levels if level not in smoothed]
        if encoding == "value":
            classes = ", ".join(f"{{name: class_{level}, value: {level}}}" for level in kept)
        else:
            named = ((level, list(unpack_color(level))) for level in kept)
            classes = ", ".join(f"{{name: color_{level:06x}, color: {color}}}" for level, color in named)
        kind = "" if encoding == "value" else "labels: color\n"
        file = distribution.first[int(np.flatnonzero(levels == smoothed[0])[0])]
        raise InputError(
            f"{len(smoothed)} of the {len(levels)} different {'values' if encoding == 'value' else 'colours'} in the"
            f" label maps of {root} lie only along the edges of areas, {_listed(smoothed, encoding)} in {file} for"
            " example: label maps were smoothed, resized or saved with losses; make them again with"
            f" nearest-neighbour resizing and as PNG, or ignore these pixels by writing into {root / 'dataset.yaml'}:"
            f"\n{kind}classes: [{classes}]\nundeclared: ignore"
        )


def _refuse_strays(distribution: Distribution, encoding: Encoding, root: Path, read: Reader) -> None:
    """Raises InputError if a level of few pixels in few files does not fit the others, or decides what 255 is."""
    levels = [int(level) for level in distribution.levels]
    tiny = [int(level) for level in distribution.tiny if level not in (0, IGNORE)]
    rest = distribution.without(tiny)
    if not tiny or len(rest.levels) < 2 or counts_up(levels) or (encoding == "value" and _is_long_row(levels)):
        return
    flips = False
    if encoding == "value" and IGNORE in levels:
        flips = verdict_on_255(rest).ignored != verdict_on_255(distribution).ignored
        if not flips and counts_up([level for level in levels if level != IGNORE]):
            return
    for level in tiny:
        column = levels.index(level)
        file = distribution.first[column]
        raw = read(file)
        if not flips and has_block(raw, level):
            continue  # a small object rather than a slip
        row, place = first_pixel(raw, level)
        text = str(level) if encoding == "value" else str(list(unpack_color(level)))
        settle = {f"ignore: [{text}]": "it is a slip"}
        if encoding == "value" and IGNORE in levels:
            ignored = verdict_on_255(rest).ignored
            if ignored:  # values that are not listed are classes, 255 too
                settle = {f"ignore: [{text}, {IGNORE}]": f"it is a slip and {IGNORE} is ignored"}
            if ignored or counts_up([each for each in levels if each != IGNORE]):
                settle["ignore: [255]"] = "it is a class and 255 is ignored"
            settle["ignore: []"] = "both are classes"
        else:
            settle["ignore: []"] = "it is a class"
        number = int(distribution.pixels[column])
        raise InputError(
            f"the {'value' if encoding == 'value' else 'colour'} {text} has only {number} pixel{'s' * (number != 1)} in"
            f" the label maps of {root}, the first at row {row}, column {place} of {file}, and does not fit the others"
            f" ({_listed([each for each in levels if each != level], encoding)}); mend the label map, or"
            f" {_lines(root, settle)}"
        )


def _is_long_row(levels: Sequence[int]) -> bool:
    """Whether more than 255 values count up from 0 or 1; 65535 may follow."""
    row = levels[:-1] if levels[-1:] == [WIDE_IGNORE] else levels
    return len(row) > NARROW_CLASSES and ignored_value(set(levels)) == WIDE_IGNORE and counts_up(row)


def _lines(root: Path, settle: dict[str, str]) -> str:
    """The lines of dataset.yaml of which one settles it, and what each means."""
    lines = ", or ".join(f"`{line}` if {meaning}" for line, meaning in settle.items())
    return f"write into {root / 'dataset.yaml'} {lines}"


def _ranges(levels: Sequence[int]) -> str:
    """Values, with runs shortened: "0 to 10 and 255"."""
    runs: list[list[int]] = []
    for level in levels:
        if runs and runs[-1][-1] == level - 1:
            runs[-1].append(level)
        else:
            runs.append([level])
    parts: list[str] = []
    for run in runs:
        parts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run)
    shown = parts[:12] + (["..."] if len(parts) > 12 else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _listed(levels: Sequence[int], encoding: Encoding) -> str:
    return few(levels) if encoding == "value" else few([unpack_color(level) for level in levels])
