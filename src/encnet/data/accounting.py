"""Accounts for every file in the folder of a data set: used, or left out and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from encnet.data.class_masks import ClassMasks
from encnet.data.dataset import DatasetIndex
from encnet.data.geo.window import Window
from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.sample_files import files_of
from encnet.data.unread import UNREAD_SUFFIXES, VIDEO_SUFFIXES
from encnet.system.folders import walk
from encnet.system.ledger import Ledger
from encnet.system.outputs import Records

_OWN = "dataset.yaml"


def account_for(index: DatasetIndex) -> Ledger:
    """The ledger of a data set: its photographs, its label maps, and each other file below its folder.

    Pictures that no split holds were probably meant, unless they are in folders that a published data set has anyway.
    Hidden files and files of other kinds (lists, notes, tables) were not.

    Args:
        index: the data set; its own ledger has the files that reading it left out.
    """
    ledger = Ledger()
    samples = [sample for split in index.splits.values() for sample in split]
    images = {sample.image for sample in samples}
    photographs = {path for image in images for path in files_of(image) if path.is_file()}
    maps = {path for sample in samples if sample.label is not None for path in files_of(sample.label) if path.is_file()}
    maps -= photographs
    windows = any(isinstance(image, Window) for image in images)
    ledger.use("rasters" if windows else "photographs", len(photographs))
    masks = any(isinstance(sample.label, ClassMasks) for sample in samples)
    ledger.use("files of labels" if windows else "masks" if masks else "label maps", len(maps))
    ledger.merge(index.ledger)
    real = cache(os.path.realpath)  # a link and its target are one folder
    known = {(real(path.parent), path.name) for path in photographs | maps}
    left_out = [index.root / name for left in index.ledger.left_out.values() for name in left.names]
    known |= {(real(path.parent), path.name) for path in left_out}
    own = index.format in ("", "folder")
    folders = {real(path.parent) for path in photographs | maps}
    records = Records()
    others: list[str] = []
    for path in _files(index.root):
        if (real(path.parent), path.name) in known:
            continue
        name = path.relative_to(index.root).as_posix()
        suffix = path.suffix.lower()
        if name != _OWN and records.wrote(path):
            ledger.leave_out("encnet wrote it", name, meant=False)
        elif suffix in UNREAD_SUFFIXES:
            ledger.leave_out(f"encnet does not read {suffix}; convert it to JPEG or PNG", name, meant=own)
        elif suffix in VIDEO_SUFFIXES:
            ledger.leave_out("it is a video; save its frames as images", name, meant=own)
        elif suffix in IMAGE_SUFFIXES:
            read = real(path.parent) in folders
            reason = (
                "no list and no suffix of label maps includes it"
                if read
                else f"its folder is not read as photographs or label maps; name it in {_OWN} if it is"
            )
            ledger.leave_out(reason, name, meant=own and not read)
        elif name == _OWN:
            ledger.use("description")
        else:
            others.append(name)
    ledger.leave_out("it is neither a photograph nor a label map", *others, meant=False)
    return ledger


def _files(root: Path) -> Iterator[Path]:
    """The files below a folder, sorted, without hidden ones."""
    for folder, names in walk(root):
        yield from (folder / name for name in names if name not in ("Thumbs.db", "desktop.ini"))
