"""Writes photographs and their areas as images/, labels/ and dataset.yaml."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath

from encnet.data.dataset import SPLITS
from encnet.data.formats.dataset_yaml import FILE_NAME
from encnet.data.formats.dataset_yaml_writer import write_dataset_yaml
from encnet.data.image_facts import describe_image
from encnet.data.images import IMAGE_SUFFIXES, open_image
from encnet.data.label_image import label_image
from encnet.data.labelling.annotations import AnnotatedImage, Area
from encnet.data.labelling.drawing import paint
from encnet.data.labelling.photographs import JPEG_SUFFIXES, spelling_key
from encnet.data.labels import LabelSet
from encnet.system.errors import InputError


@dataclass(frozen=True)
class Painting:
    """How areas are drawn as a label map."""

    labels: LabelSet
    """The classes and their colours."""
    values: Mapping[str, int]
    """Label -> class index or ``labels.ignore``; areas of other labels are not drawn."""
    fill: int
    """The value of pixels outside all areas."""
    large_below: bool
    """Whether small areas lie over large ones, whatever their order."""


@dataclass(frozen=True)
class Written:
    """What was written, and what was not."""

    images: Mapping[str, int]
    """Split -> number of images."""
    files: tuple[Path, ...]
    """The photographs' own files; those inside annotation files have none."""
    failed: tuple[tuple[AnnotatedImage, InputError], ...]
    """Photographs that cannot be read or are of the wrong size."""
    empty: tuple[tuple[AnnotatedImage, Area], ...]
    """Areas that have no pixel in their photograph."""


def write_images(
    root: Path,
    images: Sequence[AnnotatedImage],
    painting: Painting,
    val_share: float,
    name: str,
    progress: Callable[[int, int], None] | None,
) -> Written:
    """Writes a data set into a folder that does not exist yet.

    Args:
        root: the folder.
        images: the photographs and their areas.
        painting: how the areas are drawn.
        val_share: share of the images for the split val, if the tool has no such split.
        name: name of the data set.
        progress: called after each image with the number done and the number of all.

    Raises:
        InputError: no photograph can be read in the size that was labelled.
        OSError: the folder cannot be written to.
    """
    stems = _stems(images)
    splits = _splits(images, stems, val_share)
    folders = {split: {kind: f"{kind}/{split}" for kind in ("images", "labels")} for split in SPLITS if split in splits}
    for folder in folders.values():
        for path in folder.values():
            (root / path).mkdir(parents=True)
    failed: list[tuple[AnnotatedImage, InputError]] = []
    empty: list[tuple[AnnotatedImage, Area]] = []
    files: list[Path] = []
    numbers = Counter[str]()
    for done, (image, stem, split) in enumerate(zip(images, stems, splits, strict=True), start=1):
        suffix = PurePosixPath(image.name).suffix
        copy = root / folders[split]["images"] / f"{stem}{'.jpg' if suffix.lower() in JPEG_SUFFIXES else suffix}"
        try:
            _write_image(image, copy, root / folders[split]["labels"] / f"{stem}.png", painting, empty)
            numbers[split] += 1
            files += [] if image.file is None else [image.file]
        except InputError as error:
            copy.unlink(missing_ok=True)
            failed.append((image, error))
        if progress is not None:
            progress(done, len(images))
    if failed and not numbers:
        raise failed[0][1]
    for split in set(folders) - set(numbers):  # all of its photographs failed
        for path in folders.pop(split).values():
            (root / path).rmdir()
    write_dataset_yaml(root / FILE_NAME, painting.labels, folders, name)
    return Written({split: numbers[split] for split in folders}, tuple(files), tuple(failed), tuple(empty))


def _write_image(
    image: AnnotatedImage, copy: Path, label_map: Path, painting: Painting, empty: list[tuple[AnnotatedImage, Area]]
) -> None:
    if copy.suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError(f"{image.name} is none of {', '.join(sorted(IMAGE_SUFFIXES))}; save it as .jpg or .png")
    copy.write_bytes(image.read())
    size = _size(image, copy)
    painted = paint(
        image.areas,
        painting.values,
        *size,
        painting.fill,
        painting.large_below,
        empty=lambda area: empty.append((image, area)),
    )
    label_image(painted, painting.labels.palette).save(label_map)


def _splits(images: Sequence[AnnotatedImage], stems: Sequence[str], val_share: float) -> list[str]:
    """The split of each image."""
    if any(image.split == "val" for image in images):
        return [image.split or "train" for image in images]
    splits = ["test" if image.split == "test" else "train" for image in images]
    free = [i for i, split in enumerate(splits) if split == "train"]
    if val_share > 0 and len(free) > 1:
        free.sort(key=lambda i: hashlib.sha256(stems[i].encode()).digest())  # depends neither on order nor on chance
        for i in free[: min(len(free) - 1, max(1, round(val_share * len(free))))]:
            splits[i] = "val"
    return splits


def _stems(images: Sequence[AnnotatedImage]) -> list[str]:
    """A unique file name without suffix for each image: its own, with its folders and a number if two would be equal.

    Names that differ in case alone are equal, as they are on some systems.
    """
    paths = [PurePosixPath(image.name) for image in images]
    often = Counter(spelling_key(path.stem) for path in paths)
    taken = {stem for stem, number in often.items() if number == 1}
    stems: list[str] = []
    counters: dict[str, Iterator[int]] = {}
    for path in paths:
        stem = path.stem
        if often[spelling_key(stem)] > 1:
            wanted = "_".join(part for part in path.with_suffix("").parts if part not in ("/", ".."))
            numbers = counters.setdefault(spelling_key(wanted), count(1))
            numbered = (wanted if number == 1 else f"{wanted}_{number}" for number in numbers)
            stem = next(name for name in numbered if spelling_key(name) not in taken)
            taken.add(spelling_key(stem))
        stems.append(stem)
    return stems


def _size(image: AnnotatedImage, file: Path) -> tuple[int, int]:
    """(height, width) of the upright photograph; raises InputError if that is not the size that was labelled."""
    try:
        facts = describe_image(file)
        if facts.mode or file.suffix.lower() not in (".tif", ".tiff"):  # Pillow decodes it, and finds missing pixels
            open_image(file)
    except InputError as error:
        raise InputError(str(error).replace(str(file), image.name)) from error
    width, height = facts.shown_size
    size = (height, width)
    if image.size is not None and image.size != size:
        raise wrong_size(image, size)
    return size


def wrong_size(image: AnnotatedImage, size: tuple[int, int]) -> InputError:
    """The error for a photograph of (height, width) ``size`` that was labelled at another size."""
    labelled = "" if image.size is None else f" at {image.size[1]} x {image.size[0]}"
    return InputError(
        f"the image {image.name} is {size[1]} x {size[0]} pixels, but was labelled{labelled}; restore the image that"
        " was labelled"
    )
