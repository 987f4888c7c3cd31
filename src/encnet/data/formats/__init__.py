"""The formats of data sets on disk: one module per format, each with ``recognise(root)`` and ``read(root)``."""

from __future__ import annotations

from dataclasses import replace
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
    pascal_context459,
    voc,
)
from encnet.data.formats.labelling_hint import labelling_hint
from encnet.data.formats.raster_hint import rasters_hint
from encnet.system.errors import InputError


class Format(Protocol):
    """The interface of a format's module."""

    def recognise(self, root: Path) -> str | None:
        """Why the folder is in this format, as the end of the sentence "read as ..., because ..."; None if it is not.

        Quick, since it reads no image. The names of folders do not suffice for a published data set: users have given
        them to their own data.
        """
        ...

    def read(self, root: Path) -> DatasetIndex:
        """The data set in the folder; raises InputError if the folder is not in this format."""
        ...


FORMATS: dict[str, Format] = {
    "ade20k": ade20k,
    "camvid": camvid,
    "cityscapes": cityscapes,
    "pascal_context": pascal_context,
    "pascal_context59": pascal_context59,
    "pascal_context459": pascal_context459,
    "voc": voc,
    "folder": folder,
}
"""Every format by name; a folder that fits no other format, or that has a dataset.yaml, is a ``folder``."""


def read_dataset(path: str | Path, format: str | None = None) -> DatasetIndex:
    """Reads the data set in the folder ``path``; the format is detected if it is not given.

    No sample is dropped: if an image or label map is missing, the sample's path says where it was expected.

    Raises:
        InputError: there is no such folder or format, no format or more than one fits, or the folder does not have the
            contents that its format prescribes.
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError(f"there is no data set folder {root}; correct the path")
    if format is None:
        format, because = _recognised(root)
    else:
        because = "that format was given"
    if format not in FORMATS:
        raise InputError(f"there is no data set format '{format}'; choose one of {', '.join(FORMATS)}", "format")
    name = "a folder of your own" if format == "folder" else format
    return replace(FORMATS[format].read(root), format=format, origin=f"{root}: read as {name}, because {because}")


def _recognised(root: Path) -> tuple[str, str]:
    """The format of a folder, and why."""
    if (root / dataset_yaml.FILE_NAME).is_file():
        return "folder", f"{dataset_yaml.FILE_NAME} describes it"
    reasons = {name: candidate.recognise(root) for name, candidate in FORMATS.items() if name != "folder"}
    published = {name: reason for name, reason in reasons.items() if reason is not None}
    if len(published) > 1:
        raise InputError(f"{root} holds {' and '.join(published)}; give the format, or the folder of one", "format")
    for name, reason in published.items():
        return name, reason
    reason = folder.recognise(root)
    if reason is None:
        hint = rasters_hint(root) or labelling_hint(root)
        raise InputError(
            f"{root} fits none of the formats {', '.join(FORMATS)}; write a dataset.yaml into it that names its"
            f" classes and folders, or arrange it as images/{{train,val}} and labels/{{train,val}}{hint}"
        )
    return "folder", reason
