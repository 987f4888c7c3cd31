"""Pairs images and label maps of two folders by their stems."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import NoReturn

from encnet.data.dataset import Sample
from encnet.data.formats.matching import LABEL_SUFFIXES, Found, match
from encnet.data.formats.names import composed, ends_in
from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.sample_files import files_of
from encnet.system.errors import InputError
from encnet.system.folders import walk


def files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files in a folder with one of these suffixes in any case, sorted by name; hidden files are left out.

    Raises:
        InputError: the folder is missing or cannot be listed.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise _unlisted(folder, error) from error
    return [path for path in entries if path.suffix.lower() in suffixes and not path.name.startswith(".")]


def pair(
    images: Path, labels: Path | None, label_suffix: str = "", nested: bool = False, image_suffix: str = ""
) -> tuple[Sample, ...]:
    """The samples of two folders, sorted by stem.

    The label map of image ``<stem><image_suffix>.*`` is ``<stem><label_suffix>.*``. Label maps and photographs without
    their suffix are ignored: some data sets have several per scene. Without suffixes, names may also differ as
    :func:`encnet.data.formats.matching.match` says. No sample is left out: an image without a label map, or a label map
    without an image, becomes a sample whose other path says where the partner was expected. Without a folder of labels,
    all samples have the label None.

    Args:
        images: folder of the photographs.
        labels: folder of the label maps; may be that of the photographs if one of them has a suffix.
        label_suffix: what the stem of a label map adds to that of its image. Suffixes count in any case, unless
            photographs and label maps are in one folder and only their suffixes in that case tell them apart.
        nested: whether inner folders are read too.
        image_suffix: what the stem of a photograph has and that of its label map has not, ``_rgb`` for example.

    Raises:
        InputError: a folder is missing, or two label maps fit one photograph.
    """
    told_apart = image_suffix and label_suffix and image_suffix.lower() != label_suffix.lower()
    any_case = images != labels or bool(told_apart)
    photographs = _ending(image_suffix, found_in(images, IMAGE_SUFFIXES, nested, labels), any_case)
    if labels is None:
        return tuple(Sample(path, None) for _, path in photographs)
    maps = _ending(label_suffix, found_in(labels, LABEL_SUFFIXES, nested), any_case)
    if images == labels and label_suffix:
        photographs = [each for each in photographs if each not in set(maps)]
    elif images == labels:
        maps = [each for each in maps if each not in set(photographs)]
    return match(photographs, maps, images, labels, label_suffix, image_suffix)[0]


def _ending(suffix: str, found: Found, any_case: bool) -> list[tuple[tuple[str, ...], Path]]:
    return [each for each in found if (ends_in(each[1].stem, suffix) if any_case else each[1].stem.endswith(suffix))]


def found_in(
    folder: Path, suffixes: Collection[str], nested: bool, without: Path | None = None
) -> list[tuple[tuple[str, ...], Path]]:
    """The files in a folder that have one of these suffixes, each with the names of the inner folders that it lies in.

    Args:
        folder: the folder.
        suffixes: lower-case suffixes.
        nested: whether inner folders are read too, as :func:`encnet.system.folders.walk` finds them.
        without: an inner folder that is not read.

    Raises:
        InputError: the folder is missing or cannot be listed.
    """
    if not nested:
        return [((), path) for path in files(folder, suffixes)]
    return [
        (inner.relative_to(folder).parts, inner / name)
        for inner, names in walk(folder, without, on_error=_refuse)
        for name in names
        if Path(name).suffix.lower() in suffixes
    ]


def _refuse(error: OSError) -> NoReturn:
    raise _unlisted(error.filename, error) from error


def _unlisted(folder: str | Path, error: OSError) -> InputError:
    return InputError(f"cannot list the folder {folder}: {error.strerror or error}; correct its path")


def read_list(path: Path, samples: Collection[Sample]) -> tuple[Sample, ...]:
    """The samples whose image a line of a list file names, in the order of that file.

    A line is the file name or the stem of an image, also with folders before it: some that end in that of the image, or
    a path from the folder of the list.

    Raises:
        InputError: the list cannot be read, or it names an image that is not there.
    """
    names = read_names(path)
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        for name in {sample.image.name, sample.image.stem}:
            by_name.setdefault(composed(name), []).append(sample)
    listed: dict[Sample, None] = {}
    for number, line in names.items():
        place = PurePosixPath(composed(line).replace("\\", "/"))
        named = by_name.get(place.name, [])
        in_folder = [each for each in named if _is_in(files_of(each.image)[0], place, path.parent)]
        found = by_name.get(composed(line), in_folder)
        if not found:
            meant = f"if {named[0].image} is meant, write {named[0].image.name}; else " if named else ""
            way_out = f"{meant}remove the line or restore the file; a line is one file name, stem or path"
            raise InputError(f"{path}, line {number}: there is no image '{line}'; {way_out}")
        listed.update(dict.fromkeys(found))
    return tuple(listed)


def _is_in(image: Path, place: PurePosixPath, start: Path) -> bool:
    """Whether the folders of a path in a list are those of an image, from their end or from the list's folder."""
    if place.parent == PurePosixPath():
        return True
    folders = (Path(os.path.normpath(each.absolute())).as_posix() for each in (image.parent, start / place.parent))
    folder, named = map(composed, folders)
    return folder == named or folder.endswith(f"/{place.parent}")


def read_names(path: Path) -> dict[int, str]:
    """Line number, from 1 -> the text of the line; empty lines are left out.

    Raises:
        InputError: the list cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the list {path}: {error}; give a text file of one name per line") from error
    return {number: line.strip() for number, line in enumerate(lines, start=1) if line.strip()}
