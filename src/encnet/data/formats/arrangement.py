"""Finds photographs and their label maps in a user's folders, by the names that people give to folders and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from encnet.data.dataset import SPLITS, Sample
from encnet.data.formats.folder_words import Kind, Meaning, meaning_of
from encnet.data.formats.matching import LABEL_SUFFIXES, match, split_by_name
from encnet.data.images import IMAGE_SUFFIXES
from encnet.system.errors import InputError
from encnet.system.folders import walk

_VAL_EVERY = 5
"""Without folders of splits, every fifth sample becomes val."""


@dataclass
class Arrangement:
    """Samples that were found in folders.

    Attributes:
        splits: split -> samples, by name.
        because: what in the folders' names and files says so, as a sentence.
        notes: what else was decided, one sentence each.
    """

    splits: Mapping[str, tuple[Sample, ...]]
    because: str
    notes: list[str] = field(default_factory=list)


@dataclass
class _Files:
    """The files of one kind and split."""

    folders: dict[Path, Meaning] = field(default_factory=dict)
    files: list[tuple[tuple[str, ...], Path]] = field(default_factory=list)
    """(parts of the path that say nothing, file)."""


def arrange(root: Path) -> Arrangement | None:
    """Finds the photographs and label maps below a folder; None if nothing there looks like label maps.

    Raises:
        InputError: two folders can be the label maps, or the photographs, of one split.
    """
    found = _sorted_by_meaning(root)
    labelled = {split for split, kind in found if kind == "label"}
    if not labelled:
        return None
    for split in labelled - {split for split, kind in found if kind == "image"}:
        if (split, None) in found:  # train/ beside trainannot/
            found[split, "image"] = found.pop((split, None))
    for (_, kind), files in found.items():
        if kind is not None:
            _require_one(files, kind, root)
    splits: dict[str | None, tuple[Sample, ...]] = {}
    notes: list[str] = []
    for split in (*SPLITS, None):
        images, labels = found.get((split, "image"), _Files()), found.get((split, "label"), _Files())
        if (split is None and any(split in splits for split in SPLITS)) or not (images.files or labels.files):
            continue
        if split == "test" and not labels.files:
            splits[split] = tuple(Sample(path, None) for _, path in images.files)
            continue
        image_folder = next(iter(images.folders or labels.folders))
        label_folder = next(iter(labels.folders), root / "labels" / (split or ""))
        samples, note = match(images.files, labels.files, image_folder, label_folder)
        splits[split] = samples
        notes += [note] if note and note not in notes else []
    named = _named(found, root)
    if None in splits:
        notes.append(f"there are no folders of splits: every {_VAL_EVERY}th photograph, by name, is in val")
        return Arrangement(_every_fifth_to_val(splits[None]), f"{named} are there", notes)
    return Arrangement({split: samples for split, samples in splits.items() if split}, f"{named} are there", notes)


def _sorted_by_meaning(root: Path) -> dict[tuple[str | None, Kind | None], _Files]:
    """(split, kind) -> the image files in the folders whose names say so."""
    found: dict[tuple[str | None, Kind | None], _Files] = {}
    for folder, names in walk(root):
        meaning = meaning_of(folder.relative_to(root).parts)
        files = [folder / name for name in names]
        if meaning.kind is None:
            together = split_by_name(files)
            if together is not None:
                for kind, part in together.items():
                    _add(found, meaning.split, kind, folder, meaning, part)
                continue
        suffixes = LABEL_SUFFIXES if meaning.kind == "label" else IMAGE_SUFFIXES
        _add(found, meaning.split, meaning.kind, folder, meaning, [f for f in files if f.suffix.lower() in suffixes])
    return found


def _add(
    found: dict[tuple[str | None, Kind | None], _Files],
    split: str | None,
    kind: Kind | None,
    folder: Path,
    meaning: Meaning,
    files: list[Path],
) -> None:
    if files:
        entry = found.setdefault((split, kind), _Files())
        entry.folders[folder] = meaning
        entry.files += [(meaning.rest, path) for path in files]


def _require_one(files: _Files, kind: Kind, root: Path) -> None:
    """Raises InputError if two folders of different names can hold the files of one split."""
    first: dict[tuple[str, ...], Path] = {}
    for folder, meaning in files.folders.items():
        first.setdefault(meaning.named, folder)
    if len(first) > 1:
        one, other = (folder.relative_to(root) for folder in list(first.values())[:2])
        what = "label maps" if kind == "label" else "photographs"
        raise InputError(
            f"{root} has two folders of {what} for one split, {one} and {other}; write a dataset.yaml that names the"
            " right one: `splits: {train: {images: FOLDER, labels: FOLDER}, val: {images: FOLDER, labels: FOLDER}}`"
        )


def _named(found: Mapping[tuple[str | None, Kind | None], _Files], root: Path) -> str:
    """The folders of photographs and label maps of the first split, for the sentence that says why."""
    for split in (*SPLITS, None):
        if (split, "label") in found and (split, "image") in found:
            images, labels = (next(iter(found[split, kind].folders)).relative_to(root) for kind in ("image", "label"))
            if images == labels:
                return f"photographs and label maps in {images}/"
            return f"{images}/ and {labels}/"
    return "folders of label maps"


def _every_fifth_to_val(samples: tuple[Sample, ...]) -> dict[str, tuple[Sample, ...]]:
    train = tuple(sample for index, sample in enumerate(samples) if index % _VAL_EVERY != _VAL_EVERY - 1)
    return {"train": train, "val": samples[4::5]} if len(samples) >= _VAL_EVERY else {"train": train}
