"""Label maps that are made from binary masks, one for each class in the photograph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from encnet.data.binary_masks import read_mask
from encnet.data.derived_labels import DerivedLabels
from encnet.system.errors import InputError


class Drawn(NamedTuple):
    """A label map that was drawn from masks."""

    labels: np.ndarray  #: the raw label map, (H, W) uint8 or int32
    overlap: int  #: number of pixels in masks of two or more classes


@dataclass(frozen=True)
class ClassMasks(DerivedLabels):
    """The label map of one photograph, drawn from masks in their order: where masks overlap, the last is on top.

    Attributes:
        name: the files of the masks, with ``{class}`` in place of the class; names the label map in messages.
        masks: (class index, file) of each mask; at least one.
        outside: raw label of the pixels in no mask.
    """

    name: str
    masks: tuple[tuple[int, Path], ...]
    outside: int

    def __str__(self) -> str:
        return self.name

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(path for _, path in self.masks)

    def values(self) -> np.ndarray:
        """The raw label map, (H, W): class indices and ``outside``; uint8 if they fit, otherwise int32.

        Raises:
            InputError: a mask cannot be read (:func:`encnet.data.binary_masks.read_mask`), or sizes differ.
        """
        labels = None
        for target, mask in self._read():
            labels = self._empty(mask.shape) if labels is None else labels
            np.copyto(labels, labels.dtype.type(target), where=mask)
        assert labels is not None
        return labels

    def drawn(self) -> Drawn:
        """The raw label map, as from :meth:`values`, and how many pixels are in masks of several classes.

        Raises:
            InputError: as :meth:`values`.
        """
        labels, once, twice = None, None, None
        for target, mask in self._read():
            if labels is None or once is None or twice is None:
                labels, once, twice = self._empty(mask.shape), np.zeros(mask.shape, bool), np.zeros(mask.shape, bool)
            twice |= mask & once & (labels != target)
            once |= mask
            np.copyto(labels, labels.dtype.type(target), where=mask)
        assert labels is not None and twice is not None
        return Drawn(labels, int(np.count_nonzero(twice)))

    def _empty(self, shape: tuple[int, ...]) -> np.ndarray:
        """A label map without a mask."""
        largest = max(self.outside, *(target for target, _ in self.masks))
        return np.full(shape, self.outside, np.uint8 if largest <= np.iinfo(np.uint8).max else np.int32)

    def _read(self) -> Iterator[tuple[int, np.ndarray]]:
        """(class index, bool (H, W)) of each mask, of one size."""
        first: tuple[Path, tuple[int, ...]] | None = None
        for target, path in self.masks:
            mask = read_mask(path)
            other, shape = first = first or (path, mask.shape)
            if mask.shape != shape:
                raise InputError(
                    f"the masks of one photograph differ in size: {path} is {mask.shape[1]} x {mask.shape[0]} pixels"
                    f" (width x height), but {other} is {shape[1]} x {shape[0]}; make them the size of the photograph"
                )
            yield target, mask
