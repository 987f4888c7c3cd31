"""Divides scenes into the windows of each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from encnet.data.dataset import Sample
from encnet.data.geo.areas import split_by_area
from encnet.data.geo.grid import divided, inset
from encnet.data.geo.scene import Scene
from encnet.data.geo.survey import WITHOUT_LABELS, survey
from encnet.data.geo.window import Rectangle, Window
from encnet.data.geo.window_labels import WindowLabels
from encnet.data.labels import LabelSet
from encnet.data.raw_labels import pack_color
from encnet.data.sample_files import name_in
from encnet.data.source import ImageSource
from encnet.system.errors import InputError
from encnet.system.text import counted

_UNDECLARED = -2  # in place of a class
_FEW_BLOCKS = 20  # shares and classes cannot be met by so few
_GAP = 16  # a gap has this fraction of the side of a window


class Division(NamedTuple):
    """Windows as samples."""

    splits: Mapping[str, tuple[Sample, ...]]  #: split -> samples
    notes: tuple[str, ...]  #: what was decided, one sentence each


class _Block(NamedTuple):
    """A part of the ground, on one raster."""

    scene: Scene
    rectangle: Rectangle

    def ground(self, root: Path) -> tuple[object, ...]:
        """Equal for blocks of the same ground; the folder of the data set, which may be moved, is no part of it."""
        return (*(self.scene.ground or (name_in(root, self.scene.raster),)), *self.rectangle)

    def without(self, gap: int) -> _Block:
        """The block without a gap at each side that is not a border of the raster."""
        return self._replace(rectangle=inset(self.rectangle, self.scene.rectangle[2:], gap))

    def windows(self, side: int) -> list[Sample]:
        """Its windows; training moves them within the block."""
        parts = divided(self.rectangle, side)
        return [self.scene.sample(Window(self.scene.raster, part, self.rectangle)) for part in parts]


class Divider:
    """Makes windows, and leaves out those in which there is nothing to learn.

    Args:
        labels: the meaning of raw labels.
        side: side of the windows in pixels, at most.
        source: how rasters are read.
        root: folder of the data set.
    """

    def __init__(self, labels: LabelSet, side: int, source: ImageSource, root: Path) -> None:
        self._gap = max(1, side // _GAP)
        self._targets = {raw if isinstance(raw, int) else pack_color(raw): target for raw, target in labels.raw.items()}
        self._undeclared, self._ignore = labels.undeclared, labels.ignore
        self._side, self._source, self._root = side, source, root

    def by_files(self, scenes: Mapping[str, Sequence[Scene]]) -> Division:
        """Every split has rasters of its own.

        Args:
            scenes: split -> scenes.
        """
        made = {
            split: [sample for scene in each for sample in _Block(scene, scene.rectangle).windows(self._side)]
            for split, each in scenes.items()
        }
        counts = self._counts([sample for samples in made.values() for sample in samples])
        splits = {split: tuple(s for s in samples if counts[s]) for split, samples in made.items()}
        return Division(splits, self._notes(counts))

    def by_area(self, scenes: Sequence[Scene], shares: Mapping[str, float]) -> Division:
        """Every split has parts of the ground, in blocks of two windows by two; of little ground, in single windows.

        Between the blocks of different splits lies a gap, so that no object next to the border is in both. Training
        keeps its blocks whole; the others lose the gap.

        Args:
            scenes: the scenes.
            shares: split -> share of the labelled ground, 0-1; one of them is "train".
        """
        side = 2 * self._side
        if sum(len(divided(scene.rectangle, side)) for scene in scenes) < _FEW_BLOCKS:
            side = self._side
        blocks = [_Block(scene, part) for scene in scenes for part in divided(scene.rectangle, side)]
        made = {block: block.windows(self._side) for block in blocks}
        counts = self._counts([sample for samples in made.values() for sample in samples])
        classes: dict[tuple[object, ...], Counter[int]] = {}
        for block, samples in made.items():
            ground = classes.setdefault(block.ground(self._root), Counter())
            for sample in samples:
                ground.update(counts[sample])
        chosen = split_by_area(classes, shares)
        splits: dict[str, list[Sample]] = {split: [] for split in shares}
        for block, samples in made.items():
            split = chosen[block.ground(self._root)]
            splits[split] += samples if split == "train" else block.without(self._gap).windows(self._side)
        held_out = [sample for split, samples in splits.items() if split != "train" for sample in samples]
        counts = {sample: counts[sample] for sample in splits["train"]} | self._counts(held_out)
        kept = {split: tuple(s for s in samples if counts[s]) for split, samples in splits.items()}
        return Division(kept, (*self._notes(counts), self._note_on_area(kept, counts, len(classes), side)))

    def _counts(self, samples: Sequence[Sample]) -> dict[Sample, dict[int, int]]:
        """Class -> number of labelled pixels with data, in each sample; of one without labels, all pixels with data.

        Undeclared labels count as a class: the check names their windows.
        """
        parts = {sample: _surveyed(sample) for sample in samples}
        found = survey(list(parts.values()), self._source, self._root)
        return {sample: self._classes(found.get(part, {})) for sample, part in parts.items()}

    def _classes(self, raw: Mapping[int, int]) -> dict[int, int]:
        classes: Counter[int] = Counter()
        for value, pixels in raw.items():
            target = value if value == WITHOUT_LABELS else self._targets.get(value, self._undeclared)
            classes[_UNDECLARED if target is None else target] += pixels
        del classes[self._ignore]
        return dict(classes)

    def _notes(self, counts: Mapping[Sample, Mapping[int, int]]) -> tuple[str, ...]:
        empty, number = sum(not each for each in counts.values()), len(counts)
        if empty == number:
            raise InputError(
                f"no window of the rasters in {self._root} ({number} in all) has a pixel with data and a label; do"
                " rasters and labels show the same ground?"
            )
        notes = [f"rasters are read in {counted(number - empty, 'window')} of up to {self._side} x {self._side} pixels"]
        if empty:
            notes.append(
                f"left out: {empty} of {counted(number, 'window')}, without a pixel that has both data and a label"
            )
        return tuple(notes)

    def _note_on_area(
        self, splits: Mapping[str, Sequence[Sample]], counts: Mapping[Sample, Mapping[int, int]], blocks: int, side: int
    ) -> str:
        pixels = {split: sum(sum(counts[s].values()) for s in samples) for split, samples in splits.items()}
        total = max(1, sum(pixels.values()))
        shares = ", ".join(f"{split} {number / total:.0%}" for split, number in pixels.items())
        return (
            f"the ground is split in {blocks} blocks of up to {side} x {side} pixels, with"
            f" {self._gap} pixels between those of different splits ({shares} of the labelled pixels)"
        )


def _surveyed(sample: Sample) -> Window | WindowLabels:
    """What is counted of a sample."""
    part = sample.image if sample.label is None else sample.label
    assert isinstance(part, Window | WindowLabels)
    return part
