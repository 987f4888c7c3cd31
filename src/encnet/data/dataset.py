"""Samples on disk, as a list (DatasetIndex) and as tensors (SegmentationDataset)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from encnet.data.class_indices import for_torch
from encnet.data.geo.window import Window
from encnet.data.geo.window_labels import WindowLabels
from encnet.data.image_facts import ImageFacts
from encnet.data.labels import LabelSet
from encnet.data.orientation import label_orientation
from encnet.data.pixels import UPRIGHT
from encnet.data.sample_files import ImageFile, LabelFile
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.system.errors import InputError
from encnet.system.ledger import Ledger

SPLITS: tuple[str, ...] = ("train", "val", "test")
"""The usual splits, in their usual order."""


class Sample(NamedTuple):
    """An image and its label map; ``label`` is None in a split that has no label maps.

    They are files, or windows of rasters and what labels them. A path may name a missing file: the place where the
    partner was expected. Reading such a sample raises InputError; ``check_dataset`` lists them all.
    """

    image: ImageFile
    label: LabelFile | None


@dataclass(frozen=True)
class DatasetIndex:
    """The samples of each split of a data set on disk, and the meaning of their label maps.

    Attributes:
        name: name of the data set.
        root: its folder.
        labels: its classes.
        splits: split -> samples.
        combined: splits that contain samples of other splits on purpose, such as trainval.
        absent: name of a split that is not on this disk -> what is missing and where to get it.
        format: the name of its format in :data:`encnet.data.formats.FORMATS`.
        origin: as what it was read and why, as a sentence.
        notes: what was decided while it was read, and why, one sentence each.
        ledger: files that were left out while it was read.
        source: how its photographs are read.
    """

    name: str
    root: Path
    labels: LabelSet
    splits: Mapping[str, tuple[Sample, ...]]
    combined: frozenset[str] = frozenset()
    absent: Mapping[str, str] = field(default_factory=dict)
    format: str = ""
    origin: str = ""
    notes: tuple[str, ...] = ()
    ledger: Ledger = field(default_factory=Ledger)
    source: ImageSource = PHOTOGRAPHS

    def split(self, name: str) -> tuple[Sample, ...]:
        """The samples of a split.

        Raises:
            InputError: there is no such split; the message lists the splits, or says what is missing.
        """
        if name in self.absent:
            raise InputError(f"{self.root} has no split '{name}': {self.absent[name]}")
        if name not in self.splits:
            raise InputError(f"{self.root} has no split '{name}'; its splits are {', '.join(self.splits) or 'none'}")
        return self.splits[name]


class SampleKey(NamedTuple):
    """Epoch and index of a sample: samplers give these to the dataset, so that every epoch is transformed anew."""

    epoch: int
    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  # hides tuple.index, which nobody needs here


class SegmentationDataset(Dataset[tuple[Any, Any]]):
    """Samples as (image, label map) tensors, through a transform.

    Args:
        samples: samples that have label maps.
        labels: the meaning of the label maps.
        transform: (image, label map) -> (image, label map), called as torchvision.transforms.v2 transforms are.
            It gets a ``tv_tensors.Image`` uint8 (C, H, W), RGB in 0-255 or other bands, and a ``tv_tensors.Mask`` (H,
            W) of class indices and ``labels.ignore``: uint8, or int32 with more than 255 classes. None returns these
            two unchanged.
        seed: seed of the transform's random numbers.
        pillow: give the transform a Pillow RGB image instead of a tensor, if there are three bands. A transform that
            begins with a crop, such as :func:`encnet.data.transforms.training_transform`, then does not copy the rest
            of a large image.
        source: how photographs are read.
        fill: byte of each band for pixels without data; they are ignored in the label map. None is 0.
        moving: whether windows of rasters are moved at random, anew in each epoch.

    Raises:
        InputError: a sample has no label map.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        labels: LabelSet,
        transform: Callable[[Any, tv_tensors.Mask], tuple[Any, Any]] | None = None,
        seed: int = 0,
        pillow: bool = False,
        source: ImageSource = PHOTOGRAPHS,
        fill: Sequence[int] | None = None,
        moving: bool = False,
    ) -> None:
        for sample in samples:
            if sample.label is None:
                raise InputError(f"{sample.image} has no label map; choose a split that has label maps")
        self.samples: tuple[Sample, ...] = tuple(samples)
        self.labels = labels
        self.transform = transform
        self.seed = seed
        self.pillow = pillow
        self.source = source
        self.fill = fill
        self.moving = moving

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: SampleKey | int) -> tuple[Any, Any]:
        """The transformed sample; a plain index means epoch 0.

        The transform draws from PyTorch's CPU generator, which is seeded from (seed, epoch, index) alone and restored
        afterwards, so that a sample depends neither on the worker nor on what was read before it.

        Raises:
            InputError: a file is missing or damaged, a label is undeclared, or the sizes of image and label map differ.
        """
        epoch, index = key if isinstance(key, tuple) else (0, key)
        index = range(len(self.samples))[index]
        with torch.random.fork_rng(devices=[]):
            # torch.manual_seed would also reseed the GPUs' generators, which dropout draws from.
            torch.default_generator.manual_seed(_sample_seed(self.seed, epoch, index))
            sample = moved(self.samples[index]) if self.moving else self.samples[index]
            image, label = read_sample(sample, self.labels, self.source, self.fill)
            image = functional.to_image(image) if isinstance(image, Image.Image) and not self.pillow else image
            return (image, label) if self.transform is None else self.transform(image, label)


def moved(sample: Sample) -> Sample:
    """The sample, with a window of a raster moved at random within its area, and its labels with it."""
    if not isinstance(sample.image, Window):
        return sample
    window = sample.image.moved()
    return Sample(window, sample.label.at(window) if isinstance(sample.label, WindowLabels) else sample.label)


def load_sample(
    sample: Sample, labels: LabelSet, source: ImageSource = PHOTOGRAPHS
) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """Image uint8 (C, H, W), RGB in 0-255 or other bands, and label map (H, W) of a sample, both upright.

    The label map is uint8, or int32 with more than 255 classes.

    Raises:
        InputError: a file is missing or damaged, a label is undeclared, or the sizes differ.
    """
    image, label = read_sample(sample, labels, source)
    return functional.to_image(image) if isinstance(image, Image.Image) else image, label


def read_sample(
    sample: Sample, labels: LabelSet, source: ImageSource = PHOTOGRAPHS, fill: Sequence[int] | None = None
) -> tuple[Image.Image | tv_tensors.Image, tv_tensors.Mask]:
    """As :func:`load_sample`, but with an image of three bands as a Pillow RGB image.

    Args:
        sample: the files.
        labels: the meaning of the label map.
        source: how the photograph is read.
        fill: byte of each band for pixels without data; they are ignored in the label map.
    """
    if sample.label is None:
        raise InputError(f"{sample.image} has no label map; choose a split that has label maps")
    pixels, valid, facts = source.read(sample.image, fill)
    label = upright_label(sample, labels.load(sample.label), facts, source)
    if valid is not None:
        label = np.where(valid, label, labels.dtype.type(labels.ignore))
    if isinstance(pixels, np.ndarray):
        pixels = tv_tensors.Image(torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))))
    return pixels, tv_tensors.Mask(torch.from_numpy(for_torch(label)))


def upright_label(sample: Sample, label: np.ndarray, facts: ImageFacts, source: ImageSource) -> np.ndarray:
    """A label map (H, W), turned onto its upright photograph.

    Raises:
        InputError: the sizes differ, or do not tell how the label map was drawn: see :func:`label_orientation`.
    """
    assert sample.label is not None
    size = (label.shape[1], label.shape[0])
    orientation = label_orientation(sample.image, sample.label, facts, size, source.orientation)
    return label if orientation == 1 else np.ascontiguousarray(UPRIGHT[orientation](label))


def _sample_seed(seed: int, epoch: int, index: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed} {epoch} {index}".encode(), digest_size=8).digest(), "big")
