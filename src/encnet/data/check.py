"""Checks a data set before training: problems, warnings, and how often each class occurs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.table import Table

from encnet.data.dataset import DatasetIndex, Sample, check_sizes
from encnet.data.findings import Findings, default_cache, read_findings
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.near_duplicates import NearDuplicate, near_duplicate_messages, near_duplicates
from encnet.system.errors import InputError
from encnet.system.progress import progress_bar


class Problem(NamedTuple):
    """A file or a data set's folder, and one sentence about what is wrong with it."""

    file: Path
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
        findings: what was read from each file.
        near_duplicates: images that look almost like one of another split.
    """

    root: Path
    labels: LabelSet
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    class_pixels: Mapping[str, np.ndarray]
    class_images: Mapping[str, np.ndarray]
    ignored_pixels: Mapping[str, int]
    findings: Findings
    near_duplicates: tuple[NearDuplicate, ...]

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
    values or colours, a label map of the wrong kind, an empty split. Warnings: a class that never occurs in train, the
    same image, or almost the same, in two splits that are not ``combined``.

    Args:
        index: the data set.
        cache: folder that keeps the findings on each file. The next check then reads only files whose size or time
            changed, and all label maps if the meaning of the labels changed. Default: ``encnet/check`` in
            ``$XDG_CACHE_HOME`` or ``~/.cache``.
        progress: whether to show a progress bar on standard error.
    """
    findings = _read_all(index, cache or default_cache(), progress)
    problems: list[Problem] = []
    warnings: list[Problem] = []
    class_pixels, class_images, ignored_pixels = {}, {}, {}
    for split, samples in index.splits.items():
        if not samples:
            problems.append(Problem(index.root, f"the split '{split}' of {index.root} has no images"))
        pixels = np.zeros(IGNORE + 1, dtype=np.int64)
        images = np.zeros(IGNORE + 1, dtype=np.int64)
        for sample in samples:
            problems += _sample_problems(sample, findings)
            if sample.label in findings.labels:
                for target, count in findings.labels[sample.label].pixels:
                    pixels[target] += count
                    images[target] += 1
        class_pixels[split] = pixels[: index.labels.num_classes]
        class_images[split] = images[: index.labels.num_classes]
        ignored_pixels[split] = int(pixels[IGNORE])
        if split == "train":
            absent = [name for name, count in zip(index.labels.names, pixels, strict=False) if count == 0]
            warnings += [Problem(index.root, f"the class '{name}' never occurs in train") for name in absent]
    warnings += _repeated_images(index, findings)
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
        findings=findings,
        near_duplicates=alike,
    )


def _read_all(index: DatasetIndex, cache: Path, progress: bool) -> Findings:
    samples = [sample for split in index.splits.values() for sample in split]
    images = dict.fromkeys(sample.image for sample in samples)
    maps = dict.fromkeys(sample.label for sample in samples if sample.label is not None)
    root = str(index.root.resolve())
    cache_file = cache / f"{index.root.resolve().name}-{hashlib.sha256(root.encode()).hexdigest()[:16]}.json"
    with progress_bar(progress) as bar:
        task = bar.add_task("checking", total=len(images) + len(maps))
        return read_findings(images, maps, index.labels, cache_file, on_file=lambda: bar.advance(task))


def _sample_problems(sample: Sample, findings: Findings) -> list[Problem]:
    image = findings.images.get(sample.image)
    if sample.label is None:
        label = None
    else:
        label = findings.labels.get(sample.label)
        if image is None and label is not None:
            return [Problem(sample.label, f"the label map {sample.label} has no image; {sample.image} was expected")]
        if image is not None and label is None:
            return [Problem(sample.image, f"the image {sample.image} has no label map; {sample.label} was expected")]
    if image is None:
        return [Problem(sample.image, f"there is no image {sample.image}")]
    problems = [Problem(sample.image, image.problem)] if image.problem else []
    if sample.label is not None and label is not None:
        if label.problem:
            problems.append(Problem(sample.label, label.problem))
        if image.size and label.size:
            try:
                check_sizes(sample, image.size, label.size)
            except InputError as error:
                problems.append(Problem(sample.label, str(error)))
    return problems


def _repeated_images(index: DatasetIndex, findings: Findings) -> Iterator[Problem]:
    """Images that are byte for byte in an earlier split too: testing on a training image proves nothing."""
    first: dict[str, tuple[str, Path]] = {}
    for split, samples in index.splits.items():
        if split in index.combined:
            continue
        for sample in samples:
            finding = findings.images.get(sample.image)
            if finding is not None and finding.digest:
                other, path = first.setdefault(finding.digest, (split, sample.image))
                if other != split:
                    yield Problem(sample.image, f"{sample.image} in {split} is the same image as {path} in {other}")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"
