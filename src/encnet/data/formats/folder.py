"""A user's own photographs and label maps in folders, with or without a dataset.yaml.

Folders and files are recognised by the names that people give them; see
:mod:`encnet.data.formats.arrangement`. A dataset.yaml may name the folders, the classes, or both; the classes that it
does not name are the values or colours in the label maps.
"""

from __future__ import annotations

from pathlib import Path

from encnet.data.dataset import DatasetIndex
from encnet.data.formats.arrangement import arrange
from encnet.data.formats.dataset_yaml import FILE_NAME, read_dataset_yaml, without_val
from encnet.data.scanning import scan_labels
from encnet.system.errors import InputError

_MISNAMED = frozenset({FILE_NAME, "dataset.yml", "dataset.yaml.txt", "dataset.yml.txt"})
"""Names, in lower case, of files that are meant as dataset.yaml; Windows hides .txt."""


def recognise(root: Path) -> str | None:
    """Why ``root`` is a user's own data set: its dataset.yaml, or folders of photographs and label maps."""
    if (root / FILE_NAME).is_file():
        return f"{FILE_NAME} describes it"
    misnamed = _misnamed(root)
    if misnamed is not None:  # ``read`` says how to name it
        return f"it has a {misnamed.name}"
    try:
        arrangement = arrange(root)
    except InputError:  # ``read`` says what is wrong
        return "its folders are named like those of photographs and label maps"
    return None if arrangement is None else arrangement.because


def read(root: Path) -> DatasetIndex:
    """The data set in ``root``.

    Raises:
        InputError: dataset.yaml has a mistake or a name like that, a folder is missing, or the label maps do not say
            which values or colours are classes.
    """
    if (root / FILE_NAME).is_file():
        return read_dataset_yaml(root / FILE_NAME)
    misnamed = _misnamed(root)
    if misnamed is not None:
        raise InputError(f"{misnamed} is not read under that name; rename it to {FILE_NAME}, or remove it")
    arrangement = arrange(root)
    if arrangement is None:
        raise InputError(
            f"{root} has neither a {FILE_NAME} nor images/ beside labels/, masks/ or annotations/; arrange it as"
            f" images/{{train,val}} and labels/{{train,val}} or write a {FILE_NAME}"
        )
    maps = sorted({s.label for samples in arrangement.splits.values() for s in samples if isinstance(s.label, Path)})
    labels, notes = scan_labels([path for path in maps if path.is_file()], root)
    splits, notes = arrangement.splits, (*arrangement.notes, *notes)
    return DatasetIndex(root.resolve().name, root, labels, splits, absent=without_val(splits), notes=notes)


def _misnamed(root: Path) -> Path | None:
    """A file that is named almost as dataset.yaml; None if there is none."""
    return next((path for path in sorted(root.iterdir()) if path.name.lower() in _MISNAMED), None)
