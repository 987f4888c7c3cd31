"""Calibration images, similar to those that an int8 model will see: from a folder or from a data set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.data.formats.dataset_yaml import FILE_NAME
from encnet.data.geo.window import Window
from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.pixels import resized
from encnet.data.sample_files import ImageFile
from encnet.inference.inputs import expand_inputs
from encnet.inference.preprocessing import Preprocessing, pixels_of
from encnet.model.info import ModelInfo
from encnet.system.checks import require
from encnet.system.errors import InputError

LABELLED: str = "val"
"""The split on which the loss of accuracy is measured."""
SEEN: tuple[str, ...] = ("train", "val", "test")
"""Splits in order of preference: the first that exists gives the calibration images."""


@dataclass(frozen=True)
class Calibration:
    """Calibration images, and the data set that they come from."""

    images: tuple[ImageFile, ...]
    """The images."""
    dataset: DatasetIndex | None = None
    """The data set; None for a folder of images."""

    @property
    def labelled(self) -> DatasetIndex | None:
        """The data set, if it has a split :data:`LABELLED`."""
        return self.dataset if self.dataset is not None and self.dataset.splits.get(LABELLED) else None


def find_calibration(path: str | os.PathLike[str], count: int, format: str | None = None) -> Calibration:
    """Finds the calibration images of a path.

    Args:
        path: a folder that contains images, a glob pattern, or the folder of a data set.
        count: number of images to take, spread evenly over all of them.
        format: format of the data set; None detects it.

    Raises:
        InputError: there are no images, or the data set cannot be read.
    """
    require(count >= 1, "calibration_images", count, "at least 1")
    folder = Path(path)
    if format is None and not (folder.is_dir() and (not _holds_images(folder) or (folder / FILE_NAME).is_file())):
        return Calibration(_spread(expand_inputs([path], videos=False), count))
    return calibration_of(read_dataset(folder, format), count)


def calibration_of(index: DatasetIndex, count: int) -> Calibration:
    """The calibration images of a data set.

    Args:
        index: the data set.
        count: number of images to take, spread evenly over all of them.

    Raises:
        InputError: it has no images.
    """
    for split in SEEN:
        if index.splits.get(split):
            return Calibration(_spread([sample.image for sample in index.split(split)], count), index)
    raise InputError(
        f"{index.root} has no images in the splits {', '.join(SEEN)}; give a folder that contains some", "calibration"
    )


def read_calibration_image(
    image: str | os.PathLike[str] | Window, info: ModelInfo, size: tuple[int, int] | None = None
) -> np.ndarray:
    """A calibration image as input of the exported model, uint8 (1, H, W, C).

    Args:
        image: the image.
        info: the model's metadata, which say how images are resized.
        size: height and width of the result; None resizes as the model does.

    Raises:
        InputError: the file cannot be read as an image.
    """
    preprocessing = Preprocessing.of(info)
    file = image if isinstance(image, Window) else Path(image)
    pixels = preprocessing.source.read(file, preprocessing.fill).pixels
    return pixels_of([preprocessing.resized(pixels) if size is None else resized(pixels, (size[1], size[0]))])


def _holds_images(folder: Path) -> bool:
    return any(file.suffix.lower() in IMAGE_SUFFIXES for file in folder.iterdir())


def _spread(files: Sequence[ImageFile], count: int) -> tuple[ImageFile, ...]:
    """At most ``count`` of the files, spread evenly."""
    chosen = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
    return tuple(files[index] for index in chosen)
