"""What the names of a user's folders and files say: which split, and whether photographs or label maps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "label"]

SPLIT_WORDS: dict[str, str] = {
    **dict.fromkeys(("train", "training", "trn", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "ts"), "test"),
}
"""Word in the name of a folder -> split."""


def _set(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


_IMAGE_WORDS = _set(
    "image images img imgs im ims photo photos photograph photographs picture pictures pic pics",
    "rgb sat input inputs frame frames",
)
_LABEL_WORDS = _set(
    "label labels labelmap labelmaps lbl lbls mask masks annotation annotations annot annots ann anns anno annos",
    "gt gts groundtruth truth seg segs segmentation segmentations segmap segmaps target targets matte mattes",
)
_NEUTRAL_WORDS = _set(
    "jpeg jpg png tif tiff dir folder data set dataset class classes map maps ground raw all and of the semantic ids",
    "original originals files",
)
_STEM_LABEL_WORDS = _LABEL_WORDS | {"l", "labelids", "labeltrainids", "trainids", "ids", "p", "y", "m"}
_STEM_IMAGE_WORDS = _IMAGE_WORDS | {"x", "satellite", "color", "leftimg8bit"}


@dataclass(frozen=True)
class Meaning:
    """What the path of a folder says.

    Attributes:
        split: train, val or test; None if it does not say.
        kind: what the folder holds; None if it does not say.
        named: the parts of the path that say so.
        rest: its other parts, such as the name of a day or a city.
    """

    split: str | None
    kind: Kind | None
    named: tuple[str, ...]
    rest: tuple[str, ...]


def meaning_of(parts: tuple[str, ...]) -> Meaning:
    """What a path says, given its parts relative to the folder of the data set; inner parts decide."""
    split: str | None = None
    kind: Kind | None = None
    named: list[str] = []
    rest: list[str] = []
    for part in parts:
        words = _words(part)
        if words is None:
            rest.append(part)
            continue
        named.append(part)
        for word in words:
            split = SPLIT_WORDS.get(word, split)
        kinds: list[Kind] = ["label" if word in _LABEL_WORDS else "image" for word in words if _says_kind(word)]
        kind = "label" if "label" in kinds else kinds[0] if kinds else kind
    return Meaning(split, kind, tuple(named), tuple(rest))


def core_of(stem: str, kind: Kind) -> str:
    """A file's stem without the words that say photograph or label map: ``0_mask`` and ``mask_0`` give ``0``."""
    words = _STEM_LABEL_WORDS if kind == "label" else _STEM_IMAGE_WORDS
    parts = re.split(r"[_\-. ]+", stem)
    kept = [part for part in parts if part.lower() not in words]
    return "_".join(kept or parts)


def says_label(stem: str) -> bool:
    """Whether a word of a file's stem says that it is a label map."""
    return any(part.lower() in _LABEL_WORDS | {"l"} for part in re.split(r"[_\-. ]+", stem))


def _says_kind(word: str) -> bool:
    return word in _LABEL_WORDS or word in _IMAGE_WORDS


def _words(part: str) -> list[str] | None:
    """The words in the name of a folder, in lower case; None if one says nothing, so that the name is the user's own.

    ``trainannot``, ``train_masks``, ``SegmentationClass`` and ``images-512`` are understood.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", part)
    words: list[str] = []
    for word in re.findall(r"[^\W\d_]+", spaced.lower()):
        found = _known(word)
        if found is None:
            return None
        words += found
    said = [word for word in words if word in SPLIT_WORDS or _says_kind(word)]
    return said or None


def _known(word: str) -> list[str] | None:
    """A word that says something, alone or as a pair such as ``trainannot``; None if it does not."""
    known = SPLIT_WORDS.keys() | _IMAGE_WORDS | _LABEL_WORDS | _NEUTRAL_WORDS
    if word in known:
        return [word]
    for cut in range(2, len(word) - 1):
        first, second = word[:cut], word[cut:]
        if {first, second} <= known and any(each in SPLIT_WORDS for each in (first, second)):
            return [first, second]
    return None
