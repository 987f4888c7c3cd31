"""Checks a data set before training: problems, warnings, and how often each class occurs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.table import Table

from encnet.data.accounting import account_for
from encnet.data.band_check import different_images, image_notes
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.findings import Findings, read_findings
from encnet.data.geo.georeference import displaced_label_maps
from encnet.data.geo.overlap import overlapping_splits
from encnet.data.labels import LabelSet
from encnet.data.near_duplicates import NearDuplicate, near_duplicate_messages, near_duplicates
from encnet.data.orientation import label_orientation
from encnet.data.overlapping_masks import overlapping_masks
from encnet.data.rare_classes import rare_classes
from encnet.data.sample_files import ImageFile, LabelFile
from encnet.data.source import ImageSource
from encnet.data.turned_labels import turned_label_maps
from encnet.data.uniformity import disagreements
from encnet.system.errors import InputError
from encnet.system.ledger import Ledger
from encnet.system.progress import progress_bar

_UNPAIRED = " (or write `unpaired: leave_out` into dataset.yaml)"


class Problem(NamedTuple):
    """A file or a data set's folder, and one sentence about what is wrong with it."""

    file: ImageFile | LabelFile
    message: str


@dataclass(frozen=True)
class CheckReport:
    """The result of a check. Label maps that have a problem are not counted.

    Attributes:
        root: folder of the data set.
        labels: its classes.
        problems: what makes training impossible or wrong.
        warnings: what is probably a mistake.
        class_pixels: split -> (classes,) int64, number of pixels of each class.
        class_images: split -> (classes,) int64, number of label maps that have the class.
        ignored_pixels: split -> number of ignored pixels.
        ledger: what became of each file in the folder.
        findings: what was read from each file.
        near_duplicates: images that look almost like one of another split.
        everywhere: names of the classes that every labelled image of train has.
    """

    root: Path
    labels: LabelSet
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    class_pixels: Mapping[str, np.ndarray]
    class_images: Mapping[str, np.ndarray]
    ignored_pixels: Mapping[str, int]
    ledger: Ledger
    findings: Findings
    near_duplicates: tuple[NearDuplicate, ...]
    everywhere: tuple[str, ...]

    def notes(self) -> list[str]:
        """What the user might not expect of a model that is trained on these data, one sentence each."""
        if not self.everywhere:
            return []
        return [
            f"every image of train has {', '.join(self.everywhere)}: the presence of such a class says nothing, since a"
            " model never learns what an image without it looks like; add images without it, if there will be any"
        ]

    def table(self) -> Table:
        """A table with the share of the labelled pixels and the number of images of each class, for each split."""
        table = Table("class", title=f"classes of {self.root}")
        for split in self.class_pixels:
            table.add_column(f"{split}: pixels", justify="right")
            table.add_column("images", justify="right")
        for index, name in enumerate(self.labels.names):
            cells = []
            for split, pixels in self.class_pixels.items():
                cells += [_share(pixels[index], pixels.sum()), str(self.class_images[split][index])]
            table.add_row(name, *cells)
        cells = []
        for split, ignored in self.ignored_pixels.items():
            cells += [_share(ignored, self.class_pixels[split].sum() + ignored), ""]
        table.add_row("(ignored, of all pixels)", *cells, style="dim")
        return table

    def raise_if_problems(self) -> None:
        """Raises InputError with the first three problems and the number of the rest, if there are any."""
        if self.problems:
            first = "; ".join(problem.message for problem in self.problems[:3])
            rest = f"; and {len(self.problems) - 3} more" if len(self.problems) > 3 else ""
            raise InputError(f"{self.root} cannot be used: {first}{rest}; run `encnet check` for the whole list")


def check_dataset(index: DatasetIndex, cache: Path | None = None, progress: bool = False) -> CheckReport:
    """Reads every image and label map of a data set and lists everything that is wrong with it.

    Problems: a missing image or label map, a damaged file, an image and a label map of different sizes, undeclared
    values or colours, a label map of the wrong kind, an empty split, images with other bands than most. Warnings: a
    class that never occurs in train or has hardly any pixel, the same image, or almost the same, or the same ground, in
    two splits that are not ``combined``, masks of two classes that overlap, label maps on other ground or with another
    EXIF orientation than their photographs, alpha bands and further pages that are not used.

    Args:
        index: the data set.
        cache: folder that keeps the findings on each file. The next check then reads only files whose size or time
            changed, and all label maps if the meaning of the labels changed. Default: ``encnet/check`` in
            ``$XDG_CACHE_HOME`` or ``~/.cache``.
        progress: whether to show a progress bar on standard error.
    """
    findings = _read_all(index, cache, progress)
    problems: list[Problem] = []
    warnings: list[Problem] = []
    class_pixels, class_images, ignored_pixels, everywhere = {}, {}, {}, ()
    for split, samples in index.splits.items():
        if not samples:
            problems.append(Problem(index.root, f"the split '{split}' of {index.root} has no images"))
        pixels = np.zeros(index.labels.ignore + 1, dtype=np.int64)
        images = np.zeros(index.labels.ignore + 1, dtype=np.int64)
        for sample in samples:
            problems += _sample_problems(sample, findings, index.source)
            if sample.label in findings.labels:
                for target, count in findings.labels[sample.label].pixels:
                    pixels[target] += count
                    images[target] += 1
        class_pixels[split] = pixels[: index.labels.num_classes]
        class_images[split] = images[: index.labels.num_classes]
        ignored_pixels[split] = int(pixels[index.labels.ignore])
        if split == "train":
            absent = [name for name, count in zip(index.labels.names, pixels, strict=False) if count == 0]
            warnings += [Problem(index.root, f"the class '{name}' never occurs in train") for name in absent]
            labelled = sum(sample.label in findings.labels for sample in samples)
            everywhere = tuple(n for n, c in zip(index.labels.names, images, strict=False) if 0 < labelled == c)
    warnings += [Problem(*rare) for rare in rare_classes(index, findings)]
    warnings += _repeated_images(index, findings)
    warnings += _shared_label_maps(index)
    warnings += [Problem(index.root, message) for message in overlapping_masks(index, findings)]
    warnings += [Problem(file, message) for file, message in disagreements(index)]
    warnings += [Problem(*turned) for turned in turned_label_maps(index, findings)]
    warnings += [Problem(file, message) for file, message in displaced_label_maps(index)]
    facts = {path: finding.facts for path, finding in findings.images.items() if finding.facts is not None}
    problems += [Problem(*different) for different in different_images(facts, index.source)]
    warnings += [Problem(*note) for note in image_notes(facts, index.source)]
    warnings += [Problem(overlap.windows[0], str(overlap)) for overlap in overlapping_splits(index)]
    alike = near_duplicates(index, findings)
    warnings += [Problem(index.root, message) for message in near_duplicate_messages(alike, index.root)]
    return CheckReport(
        root=index.root,
        labels=index.labels,
        problems=tuple(problems),
        warnings=tuple(warnings),
        class_pixels=class_pixels,
        class_images=class_images,
        ignored_pixels=ignored_pixels,
        ledger=account_for(index),
        findings=findings,
        near_duplicates=alike,
        everywhere=everywhere,
    )


def _read_all(index: DatasetIndex, cache: Path | None, progress: bool) -> Findings:
    samples = [sample for split in index.splits.values() for sample in split]
    images = dict.fromkeys(sample.image for sample in samples)
    maps = dict.fromkeys(sample.label for sample in samples if sample.label is not None)
    with progress_bar(progress) as bar:
        task = bar.add_task("checking", total=len(images) + len(maps))
        return read_findings(images, maps, index.labels, index.root, cache, lambda: bar.advance(task), index.source)


def _sample_problems(sample: Sample, findings: Findings, source: ImageSource) -> list[Problem]:
    image = findings.images.get(sample.image)
    if sample.label is None:
        label = None
    else:
        label = findings.labels.get(sample.label)
        if image is None and label is not None:
            message = f"the label map {sample.label} has no image; {sample.image} was expected{_UNPAIRED}"
            return [Problem(sample.label, message)]
        if image is not None and label is None:
            message = f"the image {sample.image} has no label map; {sample.label} was expected{_UNPAIRED}"
            return [Problem(sample.image, message)]
    if image is None:
        return [Problem(sample.image, f"there is no image {sample.image}")]
    problems = [Problem(sample.image, image.problem)] if image.problem else []
    if sample.label is not None and label is not None:
        if label.problem:
            problems.append(Problem(sample.label, label.problem))
        if image.facts and label.size:
            try:
                label_orientation(sample.image, sample.label, image.facts, label.size, source.orientation)
            except InputError as error:
                problems.append(Problem(sample.label, str(error)))
    return problems


def _repeated_images(index: DatasetIndex, findings: Findings) -> Iterator[Problem]:
    """Images that are byte for byte in an earlier split too: testing on a training image proves nothing."""
    first: dict[str, tuple[str, ImageFile]] = {}
    for split, samples in index.splits.items():
        if split in index.combined:
            continue
        for sample in samples:
            finding = findings.images.get(sample.image)
            if finding is not None and finding.digest:
                other, path = first.setdefault(finding.digest, (split, sample.image))
                if other != split:
                    yield Problem(sample.image, f"{sample.image} in {split} is the same image as {path} in {other}")


def _shared_label_maps(index: DatasetIndex) -> Iterator[Problem]:
    """Label maps of two photographs in one split, such as that of ``0.jpg`` and ``0.png``."""
    for split, samples in index.splits.items():
        first: dict[LabelFile, ImageFile] = {}
        for image, label in samples:
            if label is not None and first.setdefault(label, image) != image:
                yield Problem(
                    label,
                    f"{first[label]} and {image} in {split} have the same label map {label}; remove one photograph if"
                    " they are the same picture",
                )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"
