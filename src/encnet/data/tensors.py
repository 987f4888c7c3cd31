"""Samples as tensors, for training and evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from encnet.data.class_indices import for_torch
from encnet.data.dataset import Sample
from encnet.data.decoded import DecodedSamples
from encnet.data.geo.window import Window
from encnet.data.geo.window_labels import WindowLabels
from encnet.data.labels import LabelSet
from encnet.data.pixels import Pixels
from encnet.data.samples import read_sample
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.system.errors import InputError


class SampleKey(NamedTuple):
    """Epoch and index of a sample: samplers give these to the dataset, so that every epoch is transformed anew."""

    epoch: int
    index: int  # pyright: ignore[reportIncompatibleMethodOverride]  # hides tuple.index, which nobody needs here
    half: bool = False  #: whether the sample is wanted at half the resolution


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
        half: the transform of samples that are wanted at half the resolution; None if no key asks for it.
        kept_megabytes: memory in which decoded samples are kept, other than windows that move; 0 decodes each anew.
            Transforms must not change their inputs in place.

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
        half: Callable[[Any, tv_tensors.Mask], tuple[Any, Any]] | None = None,
        kept_megabytes: float = 0.0,
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
        self.half = half
        self.kept = DecodedSamples(kept_megabytes)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: SampleKey | int) -> tuple[Any, Any]:
        """The transformed sample; a plain index means epoch 0.

        The transform draws from PyTorch's CPU generator, which is seeded from (seed, epoch, index) alone and restored
        afterwards, so that a sample depends neither on the worker nor on what was read before it.

        Raises:
            InputError: a file is missing or damaged, a label is undeclared, or the sizes of image and label map differ.
        """
        epoch, index, half = key if isinstance(key, tuple) else SampleKey(0, key)
        index = range(len(self.samples))[index]
        transform = self.half if half else self.transform
        with torch.random.fork_rng(devices=[]):
            # torch.manual_seed would also reseed the GPUs' generators, which dropout draws from.
            torch.default_generator.manual_seed(_sample_seed(self.seed, epoch, index))
            image, label = _tensors(*self._decoded(index))
            image = functional.to_image(image) if isinstance(image, Image.Image) and not self.pillow else image
            if transform is not None:
                return transform(image, label)
            # The caller may change what it gets; the sample that is kept stays as it is.
            return image.copy() if isinstance(image, Image.Image) else image.clone(), label.clone()

    def _decoded(self, index: int) -> tuple[Pixels, np.ndarray]:
        sample = self.samples[index]
        if self.moving and isinstance(sample.image, Window):
            return read_sample(moved(sample), self.labels, self.source, self.fill)
        return self.kept.sample(index, lambda: read_sample(sample, self.labels, self.source, self.fill))


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

    Raises:
        InputError: a file is missing or damaged, a label is undeclared, or the sizes differ.
    """
    image, label = _tensors(*read_sample(sample, labels, source))
    return functional.to_image(image) if isinstance(image, Image.Image) else image, label


def _tensors(pixels: Pixels, label: np.ndarray) -> tuple[Image.Image | tv_tensors.Image, tv_tensors.Mask]:
    """What was read as tensors, but an image of three bands as the Pillow RGB image that it is."""
    mask = tv_tensors.Mask(torch.from_numpy(for_torch(label)))
    if isinstance(pixels, Image.Image):
        return pixels, mask
    return tv_tensors.Image(torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))), mask


def _sample_seed(seed: int, epoch: int, index: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed} {epoch} {index}".encode(), digest_size=8).digest(), "big")
