"""CamVid (Brostow et al., 2009), in three layouts.

- The SegNet tutorial's: ``train/``, ``trainannot/`` and likewise ``val`` and ``test``; grey maps of 11 classes,
  11 = unlabelled, which is ignored.
- The original: ``701_StillsRaw_full/``, ``LabeledApproved_full/*_L.png`` and ``label_colors.txt``; 32 colours.
- Its repackaging: ``train/``, ``train_labels/*_L.png``, ... and ``class_dict.csv``; the same 32 colours.

In the two colour-coded layouts, the rows of the table are classes 0 to 31, in file order and with Void. A 33rd class,
``undeclared``, takes the few colours in real files that the table does not name.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from encnet.data.dataset import SPLITS, DatasetIndex, Sample
from encnet.data.formats.pairs import pair, read_list
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.palette import Color, distinct_palette
from encnet.system.errors import InputError

_NAMES_AND_PALETTE_11: dict[str, Color] = {
    "sky": (128, 128, 128),
    "building": (128, 0, 0),
    "pole": (192, 192, 128),
    "road": (128, 64, 128),
    "pavement": (0, 0, 192),
    "tree": (128, 128, 0),
    "sign": (192, 128, 128),
    "fence": (64, 64, 128),
    "car": (64, 0, 128),
    "pedestrian": (64, 64, 0),
    "bicyclist": (0, 128, 192),
}

# The customary split, sequence -> frames, taken from the file names of the SegNet tutorial's train/ (367 images) and
# val/ (101). All other frames (0001TP from 8550 on, Seq05VD) are test (233).
_VAL_FRAMES = {"0016E5": range(7959, 8159 + 1)}
_TRAIN_FRAMES = {
    "0001TP": range(6690, 8520 + 1),
    "0006R0": range(930, 3930 + 1),
    "0016E5": range(390, 8640 + 1),  # except those of val
}

_FRAME = re.compile(r"(0001TP|0006R0|0016E5|Seq05VD)_f?\d{5,6}")
"""The names of frames: 0001TP_006690, 0006R0_f00930."""

_ORIGINAL = ("701_StillsRaw_full", "LabeledApproved_full", "label_colors.txt")
_CLASS_TABLE = "class_dict.csv"


def recognise(root: Path) -> str | None:
    """Why ``root`` has one of the three layouts: its folders, and in them frames with the names of CamVid's."""
    for folder in ("trainannot", "train_labels", _ORIGINAL[1]):
        if (root / folder).is_dir():
            for path in (root / folder).iterdir():
                if _FRAME.fullmatch(path.stem.removesuffix("_L")):
                    return f"{folder}/ holds {path.name}"
    return None


def read(root: Path) -> DatasetIndex:
    """The splits and classes of the CamVid folder ``root``.

    Raises:
        InputError: no layout fits, a folder is missing, or a class table or list has a mistake.
    """
    if (root / "trainannot").is_dir():
        return DatasetIndex("camvid", root, tutorial_labels(), _read_split_folders(root, "annot", label_suffix=""))
    if (root / "train_labels").is_dir():
        labels = _color_labels(_read_class_dict(root / _CLASS_TABLE), root / _CLASS_TABLE)
        return DatasetIndex("camvid", root, labels, _read_split_folders(root, "_labels", label_suffix="_L"))
    if (root / _ORIGINAL[1]).is_dir():
        labels = _color_labels(_read_label_colors(root / _ORIGINAL[2]), root / _ORIGINAL[2])
        return DatasetIndex("camvid", root, labels, _split_original(root))
    raise InputError(
        f"{root} is not a CamVid folder: it has none of trainannot/, train_labels/ and {_ORIGINAL[1]}/;"
        " give the folder that holds them"
    )


def tutorial_labels() -> LabelSet:
    """The 11 classes of the SegNet tutorial; raw value 11 and 255 are ignored."""
    plain = LabelSet.plain(tuple(_NAMES_AND_PALETTE_11), tuple(_NAMES_AND_PALETTE_11.values()))
    return LabelSet(plain.names, plain.palette, "value", {**plain.raw, len(_NAMES_AND_PALETTE_11): IGNORE})


def customary_split(stem: str) -> str:
    """The split of a frame of the original, by its file stem, e.g. ``0016E5_07959``: "train", "val" or "test"."""
    name = re.fullmatch(r"(?P<sequence>[^_]+)_f?(?P<frame>\d+)", stem)
    if name is None:
        return "test"
    sequence, frame = name["sequence"], int(name["frame"])
    if frame in _VAL_FRAMES.get(sequence, ()):
        return "val"
    return "train" if frame in _TRAIN_FRAMES.get(sequence, ()) else "test"


def _read_split_folders(root: Path, label_ending: str, label_suffix: str) -> dict[str, tuple[Sample, ...]]:
    splits = {}
    for split in SPLITS:
        images, labels = root / split, root / f"{split}{label_ending}"
        if images.is_dir() or labels.is_dir():
            # A test split often comes without label maps; a training split without them is a mistake.
            without_labels = split == "test" and not labels.is_dir()
            splits[split] = pair(images, None if without_labels else labels, label_suffix)
    return splits


def _split_original(root: Path) -> dict[str, tuple[Sample, ...]]:
    samples = pair(root / _ORIGINAL[0], root / _ORIGINAL[1], label_suffix="_L")
    lists = {split: root / f"{split}.txt" for split in SPLITS if (root / f"{split}.txt").is_file()}
    if lists:
        return {split: read_list(path, samples) for split, path in lists.items()}
    splits = {split: tuple(s for s in samples if customary_split(s.image.stem) == split) for split in SPLITS}
    return {split: members for split, members in splits.items() if members}


def _read_label_colors(path: Path) -> list[tuple[str, Color]]:
    rows = []
    for number, line in enumerate(_read_lines(path), start=1):
        if line.strip():
            fields = line.split(maxsplit=3)
            if len(fields) != 4:
                raise InputError(f"{path}, line {number}: '{line.strip()}' is not of the form 'R G B name'")
            rows.append((fields[3].strip(), _color(fields[:3], path, number)))
    return rows


def _read_class_dict(path: Path) -> list[tuple[str, Color]]:
    table = csv.reader(_read_lines(path), skipinitialspace=True)
    header = [field.strip().lower() for field in next(table, [])]
    if header != ["name", "r", "g", "b"]:
        raise InputError(f"{path}, line 1: the columns are '{','.join(header)}'; they must be 'name,r,g,b'")
    rows = []
    for number, fields in enumerate(table, start=2):
        if fields:
            if len(fields) != 4:
                raise InputError(f"{path}, line {number}: '{','.join(fields)}' is not of the form 'name,r,g,b'")
            rows.append((fields[0].strip(), _color(fields[1:], path, number)))
    return rows


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the class table {path}: {error}; copy it from the download") from error


def _color(fields: list[str], path: Path, number: int) -> Color:
    if not all(field.strip().isdecimal() and int(field) <= 255 for field in fields):
        raise InputError(f"{path}, line {number}: '{' '.join(fields)}' is not a colour of three numbers in 0-255")
    red, green, blue = (int(field) for field in fields)
    return red, green, blue


def _color_labels(rows: list[tuple[str, Color]], path: Path) -> LabelSet:
    """The rows of a class table as classes 0, 1, ..., and one more class for colours that it does not name."""
    colors = [color for _, color in rows]
    for color in colors:
        if colors.count(color) > 1:
            raise InputError(f"{path}: two classes have the colour {color}; colours must differ")
    spare = next(color for color in distinct_palette(len(colors) + 1) if color not in colors)
    try:
        return LabelSet(
            names=(*(name for name, _ in rows), "undeclared"),
            palette=(*colors, spare),
            encoding="color",
            raw={color: index for index, color in enumerate(colors)},
            undeclared=len(rows),
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
