"""How data sets lie on disk: one module a format, each with ``detect(root)`` and ``read(root)``."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from encnet.data.dataset import DatasetIndex
from encnet.data.formats import (
    ade20k,
    camvid,
    cityscapes,
    dataset_yaml,
    folder,
    pascal_context,
    pascal_context59,
    voc,
)
from encnet.errors import InputError


class Format(Protocol):
    """What a module of this package offers."""

    def detect(self, root: Path) -> bool:
        """Whether the folder looks like this format; quick, reads no image."""
        ...

    def read(self, root: Path) -> DatasetIndex:
        """The data set in the folder. Raises InputError where it is not as the format says."""
        ...


FORMATS: dict[str, Format] = {
    "ade20k": ade20k,
    "camvid": camvid,
    "cityscapes": cityscapes,
    "pascal_context": pascal_context,
    "pascal_context59": pascal_context59,
    "voc": voc,
    "folder": folder,
}
"""Every format by name; ``folder`` is what fits no other, and a dataset.yaml always makes it ``folder``."""


def read_dataset(path: str | Path, format: str | None = None) -> DatasetIndex:
    """The data set in the folder ``path``; the format is detected where it is not given.

    No sample is dropped: a missing image or label map leaves a sample whose path points at where it was expected.

    Raises:
        InputError: there is no such folder or format, no format fits or more than one does, or the folder is not as
            its format says.
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"there is no data set folder {root}; correct the path")
    if format is None and (root / dataset_yaml.FILE_NAME).is_file():
        format = "folder"
    if format is None:
        format = _detect(root)
    if format not in FORMATS:
        raise InputError(f"there is no data set format '{format}'; choose one of {', '.join(FORMATS)}")
    return FORMATS[format].read(root)


def _detect(root: Path) -> str:
    fitting = [name for name, candidate in FORMATS.items() if candidate.detect(root)]
    published = [name for name in fitting if name != "folder"]
    if len(published) > 1:
        raise InputError(f"{root} holds {' and '.join(published)}; give the format that is meant, or its own folder")
    if not fitting:
        raise InputError(
            f"{root} fits none of the formats {', '.join(FORMATS)}; write a dataset.yaml into it that names its"
            " classes and folders, or arrange it as images/{train,val} and labels/{train,val}"
        )
    return fitting[0]
