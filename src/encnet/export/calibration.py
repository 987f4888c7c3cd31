"""Photographs like those that an int8 model will see: from a folder, or from a data set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.data.images import IMAGE_SUFFIXES, read_image
from encnet.errors import InputError
from encnet.inference.inputs import expand_inputs
from encnet.inference.preprocessing import Preprocessing, pixels_of
from encnet.model.info import ModelInfo

LABELLED = "val"
"""The split on which the loss of accuracy is measured."""
SEEN = ("train", "val", "test")
"""Of these splits the first that there is gives the photographs."""


@dataclass(frozen=True)
class Calibration:
    """What ``--calibration`` stands for."""

    images: tuple[Path, ...]
    dataset: DatasetIndex | None = None
    """With a split that has label maps; None for a folder of photographs."""


def find_calibration(path: str | os.PathLike[str], count: int, format: str | None = None) -> Calibration:
    """The photographs that a path stands for.

    Args:
        path: a folder that holds photographs, a glob, or the folder of a data set.
        count: how many photographs to take, spread evenly over those there are.
        format: of the data set; None finds out.

    Raises:
        InputError: there are no photographs, or the data set cannot be read.
    """
    if count < 1:
        raise InputError(f"the number of calibration images is {count}; it must be at least 1")
    folder = Path(path)
    if format is None and not (folder.is_dir() and not _holds_images(folder)):
        return Calibration(_spread(expand_inputs([path]), count))
    index = read_dataset(folder, format)
    for split in SEEN:
        if index.splits.get(split):
            images = _spread([sample.image for sample in index.split(split)], count)
            return Calibration(images, index if index.splits.get(LABELLED) else None)
    raise InputError(f"{path} has no photographs in the splits {', '.join(SEEN)}; give a folder that holds some")


def read_calibration_image(
    path: str | os.PathLike[str], info: ModelInfo, size: tuple[int, int] | None = None
) -> np.ndarray:
    """A photograph as the exported model gets it, uint8 (1, H, W, 3): of the size that the model says, or of ``size``.

    Raises:
        InputError: the file cannot be read as an image.
    """
    image = read_image(Path(path))
    if size is not None:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    else:
        image = Preprocessing.of(info).resized(image)
    return pixels_of([image])


def _holds_images(folder: Path) -> bool:
    return any(file.suffix.lower() in IMAGE_SUFFIXES for file in folder.iterdir())


def _spread(files: list[Path], count: int) -> tuple[Path, ...]:
    chosen = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
    return tuple(files[index] for index in chosen)
