"""Reads a sample: its photograph, and its label map upright on it. Nothing here needs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from encnet.data.dataset import Sample
from encnet.data.image_facts import ImageFacts
from encnet.data.labels import LabelSet
from encnet.data.orientation import label_orientation
from encnet.data.pixels import UPRIGHT, Pixels
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.system.errors import InputError


def read_sample(
    sample: Sample, labels: LabelSet, source: ImageSource = PHOTOGRAPHS, fill: Sequence[int] | None = None
) -> tuple[Pixels, np.ndarray]:
    """The photograph of a sample, and its label map (H, W) of type ``labels.dtype``, both upright.

    Args:
        sample: the files.
        labels: the meaning of the label map.
        source: how the photograph is read.
        fill: byte of each band for pixels without data; they are ignored in the label map.

    Raises:
        InputError: there is no label map, a file is missing or damaged, a label is undeclared, or the sizes differ.
    """
    if sample.label is None:
        raise InputError(f"{sample.image} has no label map; choose a split that has label maps")
    pixels, valid, facts = source.read(sample.image, fill)
    label = upright_label(sample, labels.load(sample.label), facts, source)
    if valid is not None:
        label = np.where(valid, label, labels.dtype.type(labels.ignore))
    return pixels, label


def upright_label(sample: Sample, label: np.ndarray, facts: ImageFacts, source: ImageSource) -> np.ndarray:
    """A label map (H, W), turned onto its upright photograph.

    Raises:
        InputError: the sizes differ, or do not tell how the label map was drawn: see :func:`label_orientation`.
    """
    assert sample.label is not None
    size = (label.shape[1], label.shape[0])
    orientation = label_orientation(sample.image, sample.label, facts, size, source.orientation)
    return label if orientation == 1 else np.ascontiguousarray(UPRIGHT[orientation](label))
