"""A data set on disk: its classes, and the samples of its splits. Nothing here needs PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from encnet.data.labels import LabelSet
from encnet.data.sample_files import ImageFile, LabelFile
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.system.errors import InputError
from encnet.system.ledger import Ledger

if TYPE_CHECKING:
    from torchvision import tv_tensors

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


def load_sample(
    sample: Sample, labels: LabelSet, source: ImageSource = PHOTOGRAPHS
) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """A sample as tensors: :func:`encnet.data.tensors.load_sample`, which needs PyTorch."""
    tensors: Any = import_module("encnet.data.tensors")  # it imports this module
    return tensors.load_sample(sample, labels, source)
