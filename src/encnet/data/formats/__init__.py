"""How data sets lie on disk: one module a format, each with ``detect(root)`` and ``read(root)``."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from encnet.data.dataset import DatasetIndex
from encnet.data.formats import camvid, dataset_yaml, folder
from encnet.errors import InputError


class Format(Protocol):
    """What a module of this package offers."""

    def detect(self, root: Path) -> bool:
        """Whether the folder looks like this format; quick, reads no image."""
        ...

    def read(self, root: Path) -> DatasetIndex:
        """The data set in the folder. Raises InputError where it is not as the format says."""
        ...


FORMATS: dict[str, Format] = {"camvid": camvid, "folder": folder}
"""Every format by name, in the order in which they are tried; a dataset.yaml always makes it ``folder``."""


def read_dataset(path: str | Path, format: str | None = None) -> DatasetIndex:
    """The data set in the folder ``path``; the format is detected where it is not given.

    No sample is dropped: a missing image or label map leaves a sample whose path points at where it was expected.

    Raises:
        InputError: there is no such folder or format, no format fits, or the folder is not as its format says.
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"there is no data set folder {root}; correct the path")
    if format is None and (root / dataset_yaml.FILE_NAME).is_file():
        format = "folder"
    if format is None:
        format = next((name for name, candidate in FORMATS.items() if candidate.detect(root)), None)
        if format is None:
            raise InputError(
                f"{root} fits none of the formats {', '.join(FORMATS)}; write a dataset.yaml into it that names its"
                " classes and folders, or arrange it as images/{train,val} and labels/{train,val}"
            )
    if format not in FORMATS:
        raise InputError(f"there is no data set format '{format}'; choose one of {', '.join(FORMATS)}")
    return FORMATS[format].read(root)
