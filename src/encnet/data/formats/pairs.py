"""Pairs images and label maps of two folders by their stems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from encnet.data.dataset import Sample
from encnet.data.images import IMAGE_SUFFIXES
from encnet.system.errors import InputError

LABEL_SUFFIXES: frozenset[str] = frozenset({".png"})


def files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files in a folder with one of these suffixes in any case, sorted by name; hidden files are left out.

    Raises:
        InputError: the folder is missing or cannot be listed.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot list the folder {folder}: {error.strerror or error}; correct its path") from error
    return [path for path in entries if path.suffix.lower() in suffixes and not path.name.startswith(".")]


def pair(images: Path, labels: Path | None, label_suffix: str = "") -> tuple[Sample, ...]:
    """The samples of two folders, sorted by stem.

    The label map of image ``<stem>.*`` is ``<stem><label_suffix>.png``. PNGs without the suffix are ignored (some data
    sets store several maps per image). No sample is left out: an image without a label map, or a label map without an
    image, becomes a sample whose other path says where the partner was expected. Without a folder of labels, all
    samples have the label None.

    Raises:
        InputError: a folder is missing.
    """
    photographs = files(images, IMAGE_SUFFIXES)
    if labels is None:
        return tuple(Sample(path, None) for path in photographs)
    maps = {path.stem: path for path in files(labels, LABEL_SUFFIXES) if path.stem.endswith(label_suffix)}
    if images == labels:
        photographs = [path for path in photographs if path.stem not in maps]
    samples = []
    for path in photographs:
        stem = path.stem + label_suffix
        samples.append(Sample(path, maps.get(stem, labels / f"{stem}.png")))
    paired = {sample.label for sample in samples}
    suffix = Counter(path.suffix for path in photographs).most_common(1)[0][0] if photographs else ".png"
    for stem, path in maps.items():
        if path not in paired:
            samples.append(Sample(images / f"{stem.removesuffix(label_suffix)}{suffix}", path))
    return tuple(sorted(samples, key=lambda sample: (sample.image.stem, sample.image.name)))


def read_list(path: Path, samples: Collection[Sample]) -> tuple[Sample, ...]:
    """The samples whose image's stem or file name is a line of a list file, in the order of that file.

    Raises:
        InputError: the list cannot be read, or it names an image that is not there.
    """
    names = read_names(path)
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        for name in {sample.image.name, sample.image.stem}:
            by_name.setdefault(name, []).append(sample)
    listed: dict[Sample, None] = {}
    for number, name in names.items():
        if name not in by_name:
            raise InputError(f"{path}, line {number}: there is no image '{name}'; remove the line or restore the file")
        listed.update(dict.fromkeys(by_name[name]))
    return tuple(listed)


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
