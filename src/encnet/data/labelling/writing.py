"""Writes photographs and their areas as images/, labels/ and dataset.yaml."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from encnet.data.dataset import SPLITS
from encnet.data.formats.dataset_yaml import FILE_NAME
from encnet.data.formats.dataset_yaml_writer import write_dataset_yaml
from encnet.data.images import IMAGE_SUFFIXES, open_image
from encnet.data.labelling.annotations import AnnotatedImage
from encnet.data.labelling.drawing import paint
from encnet.data.labels import IGNORE, LabelSet
from encnet.system.errors import InputError


@dataclass(frozen=True)
class Painting:
    """How areas are drawn as a label map."""

    labels: LabelSet
    """The classes and their colours."""
    values: Mapping[str, int]
    """Label -> class index or ``IGNORE``; areas of other labels are not drawn."""
    fill: int
    """The value of pixels outside all areas."""
    large_below: bool
    """Whether small areas lie over large ones, whatever their order."""


def write_images(
    root: Path,
    images: Sequence[AnnotatedImage],
    painting: Painting,
    val_share: float,
    name: str,
    progress: Callable[[int, int], None] | None,
) -> dict[str, int]:
    """Writes a data set into a folder that does not exist yet.

    Args:
        root: the folder.
        images: the photographs and their areas.
        painting: how the areas are drawn.
        val_share: share of the images for the split val, if the tool has no such split.
        name: name of the data set.
        progress: called after each image with the number done and the number of all.

    Returns:
        split -> number of images.

    Raises:
        InputError: a photograph cannot be read, or its size is not the one that was labelled.
        OSError: the folder cannot be written to.
    """
    stems = _stems(images)
    splits = _splits(images, stems, val_share)
    folders = {split: {kind: f"{kind}/{split}" for kind in ("images", "labels")} for split in SPLITS if split in splits}
    for folder in folders.values():
        for path in folder.values():
            (root / path).mkdir(parents=True)
    palette = [channel for color in painting.labels.palette for channel in color]
    for done, (image, stem, split) in enumerate(zip(images, stems, splits, strict=True), start=1):
        suffix = PurePosixPath(image.name).suffix
        if suffix.lower() not in IMAGE_SUFFIXES:
            raise InputError(f"the image {image.name} has none of the suffixes {', '.join(sorted(IMAGE_SUFFIXES))}")
        copy = root / folders[split]["images"] / f"{stem}{suffix}"
        copy.write_bytes(image.read())
        height, width = _size(image, copy)
        label = Image.fromarray(paint(image.areas, painting.values, height, width, painting.fill, painting.large_below))
        label.putpalette(palette + [0] * (3 * (IGNORE + 1) - len(palette)))
        label.save(root / folders[split]["labels"] / f"{stem}.png")
        if progress is not None:
            progress(done, len(images))
    write_dataset_yaml(root / FILE_NAME, painting.labels, folders, name)
    return {split: splits.count(split) for split in folders}


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
    """A unique file name without suffix for each image: its own, with its folders if two would be equal."""
    paths = [PurePosixPath(image.name) for image in images]
    often = Counter(path.stem for path in paths)
    stems: list[str] = []
    taken = Counter[str]()
    for path in paths:
        parts = [part for part in path.with_suffix("").parts if part not in ("/", "..")]
        stem = path.stem if often[path.stem] == 1 else "_".join(parts)
        taken[stem] += 1
        stems.append(stem if taken[stem] == 1 else f"{stem}_{taken[stem]}")
    return stems


def _size(image: AnnotatedImage, file: Path) -> tuple[int, int]:
    """(height, width) of the upright photograph; raises InputError if that is not the size that was labelled."""
    try:
        picture = open_image(file)
    except InputError as error:
        raise InputError(str(error).replace(str(file), image.name)) from error
    size = (picture.height, picture.width)
    if image.size is not None and image.size != size:
        turned = " (its camera's orientation turns it)" if image.size == size[::-1] else ""
        raise InputError(
            f"the image {image.name} is {size[1]} x {size[0]} pixels{turned}, but was labelled at"
            f" {image.size[1]} x {image.size[0]}; restore the image that was labelled"
        )
    return size
