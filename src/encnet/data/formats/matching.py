"""Matches photographs and label maps by name: by equal stems, or by stems such as ``0_sat`` and ``0_mask``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from encnet.data.dataset import Sample
from encnet.data.formats.folder_words import Kind, core_of, says_label
from encnet.data.formats.names import composed, without_ending
from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.sample_files import name_in
from encnet.system.errors import InputError
from encnet.system.ledger import Ledger

LABEL_SUFFIXES: frozenset[str] = frozenset(
    {".png", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jpg", ".jpeg"}  # reading refuses JPEG, with the reason
)
"""Suffixes of label maps."""

Found = Sequence[tuple[tuple[str, ...], Path]]
"""Files: (names of the inner folders that photographs and label maps have in common, file)."""

_Key = tuple[tuple[str, ...], str]
_Keys = dict[Path, _Key]


def match(
    images: Found,
    labels: Found,
    image_folder: Path,
    label_folder: Path,
    label_suffix: str = "",
    image_suffix: str = "",
) -> tuple[tuple[Sample, ...], str | None]:
    """Matches photographs and label maps.

    Equal stems match, in any Unicode form; if there are none, stems match that are equal without the words that say
    photograph or label map; and last, stems of label maps that all add the same text to that of a photograph. No file
    is dropped: one without a partner becomes a sample whose other path says where the partner was expected.

    Args:
        images: the photographs.
        labels: the label maps.
        image_folder: folder in which a missing photograph is expected.
        label_folder: folder in which a missing label map is expected.
        label_suffix: what the stems of all label maps have and those of the photographs have not, if it is known.
        image_suffix: the reverse.

    Returns:
        The samples, sorted by the stem of the photograph, and a sentence on how names match; None if stems are equal.

    Raises:
        InputError: two label maps fit one photograph.
    """
    images, labels = _composed(images), _composed(labels)
    if not {rest for rest, _ in images} & {rest for rest, _ in labels}:  # only one side has inner folders
        images, labels = [((), path) for _, path in images], [((), path) for _, path in labels]
    image_keys = {path: (rest, without_ending(path.stem, image_suffix)) for rest, path in images}
    label_keys = {path: (rest, without_ending(path.stem, label_suffix)) for rest, path in labels}
    note = None
    known = bool(label_suffix or image_suffix)
    if image_keys and label_keys and not known and not set(image_keys.values()) & set(label_keys.values()):
        differing = _without_words(images, labels) or _with_affix(images, labels)
        if differing is not None:
            image_keys, label_keys = differing
            note = _note(image_keys, label_keys)
    maps = _by_key(label_keys)
    samples = []
    for path, key in image_keys.items():
        stem = without_ending(path.stem, image_suffix)
        samples.append(Sample(path, maps.get(key, label_folder / f"{stem}{label_suffix}.png")))
    missing = maps.keys() - set(image_keys.values())
    suffix = Counter(path.suffix for path in image_keys).most_common(1)[0][0] if image_keys else ".png"
    for path in (maps[key] for key in missing):
        stem = without_ending(path.stem, label_suffix)
        samples.append(Sample(image_folder / f"{stem}{image_suffix}{suffix}", path))
    return tuple(sorted(samples, key=lambda sample: (sample.image.stem, str(sample.image)))), note


def _composed(found: Found) -> Found:
    return [(tuple(map(composed, rest)), path) for rest, path in found]


def _by_key(label_keys: dict[Path, _Key]) -> dict[_Key, Path]:
    """Key -> label map; of two with one key, a JPEG is a preview of the other."""
    maps: dict[_Key, Path] = {}
    for path, key in label_keys.items():
        other = maps.setdefault(key, path)
        if other != path:
            lossless = [each for each in (other, path) if each.suffix.lower() not in (".jpg", ".jpeg")]
            if len(lossless) != 1:
                raise InputError(f"{other} and {path} can both be the label map of one photograph; remove one of them")
            maps[key] = lossless[0]
    return maps


def split_by_name(files: Sequence[Path]) -> dict[Kind, list[Path]] | None:
    """Photographs and label maps that are in one folder, such as ``0_sat.jpg`` and ``0_mask.png``.

    None unless at least one photograph has its label map there.
    """
    maps = [path for path in files if path.suffix.lower() in LABEL_SUFFIXES and says_label(path.stem)]
    photographs = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES and path not in set(maps)]
    cores = {core_of(composed(path.stem), "image") for path in photographs}
    if not any(core_of(composed(path.stem), "label") in cores for path in maps):
        return None
    return {"image": photographs, "label": maps}


def _without_words(images: Found, labels: Found) -> tuple[_Keys, _Keys] | None:
    """Keys without the words that say photograph or label map; None if nothing matches, or two files have one key."""
    image_keys = {path: (rest, core_of(composed(path.stem), "image")) for rest, path in images}
    label_keys = {path: (rest, core_of(composed(path.stem), "label")) for rest, path in labels}
    unique = len(set(image_keys.values())) == len(images) and len(set(label_keys.values())) == len(labels)
    return (image_keys, label_keys) if unique and set(image_keys.values()) & set(label_keys.values()) else None


def _with_affix(images: Found, labels: Found) -> tuple[_Keys, _Keys] | None:
    """Keys if the stems of all label maps add the same text to those of photographs; else None."""
    stems = {composed(path.stem) for _, path in images}
    label_stems = {path: composed(path.stem) for _, path in labels}
    example = label_stems[labels[0][1]]
    for stem in sorted((stem for stem in stems if stem in example), key=len, reverse=True):
        before, after = example.split(stem, 1)
        cores = {path: stem[len(before) : len(stem) - len(after)] for path, stem in label_stems.items()}
        fits = all(f"{before}{core}{after}" == label_stems[path] for path, core in cores.items())
        if fits and set(cores.values()) <= stems:
            label_keys = {path: (rest, cores[path]) for rest, path in labels}
            return {path: (rest, composed(path.stem)) for rest, path in images}, label_keys
    return None


def _note(image_keys: _Keys, label_keys: _Keys) -> str:
    maps = {key: path for path, key in label_keys.items()}
    image = next(path for path, key in image_keys.items() if key in maps)
    return f"names differ: the label map of {image.name} is {maps[image_keys[image]].name}"


def without_unpaired(samples: Sequence[Sample], root: Path, ledger: Ledger) -> tuple[Sample, ...]:
    """The samples whose photograph and label map are both there; ``ledger`` gets the files of the others."""
    kept: list[Sample] = []
    for sample in samples:
        there = [path for path in sample if path is not None and path.is_file()]
        if sample.label is None or len(there) == 2:
            kept.append(sample)
        else:
            lacks = "label map" if sample.image in there else "photograph"
            reason = f"it has no {lacks}, and dataset.yaml says `unpaired: leave_out`"
            ledger.leave_out(reason, *(name_in(root, path) for path in there), meant=False)
    return tuple(kept)
