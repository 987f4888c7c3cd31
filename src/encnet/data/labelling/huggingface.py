"""Data sets of the library Hugging Face datasets, on disk or on the Hub: a column of images, and one of label maps.

The folder is one that ``save_to_disk`` wrote, or has parquet files or an image folder. Label maps are images of class
indices, images of colours, or arrays of class indices. Negative values are ignored, and 255, or 65535 in its place
beside more than 255 classes. No code of a data set runs: the library does not do that any more.
https://huggingface.co/docs/datasets
"""

from __future__ import annotations

import importlib.util
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from encnet.data.class_indices import NARROW_CLASSES, counts_up, ignore_of, ignored_value
from encnet.data.labelling.annotations import AnnotatedImage, Annotations, Area, read_bytes, split_named
from encnet.data.labelling.hub_columns import choose_columns, class_names
from encnet.data.labelling.mask_scan import raw
from encnet.data.labelling.photographs import PHOTOGRAPH_SUFFIXES
from encnet.data.palette import Color
from encnet.data.raw_labels import VALUE_MODES, unpack_color
from encnet.system.errors import InputError
from encnet.system.ledger import NAMED, Ledger

FORMAT: str = "huggingface"
_DICT, _STATE = "dataset_dict.json", "state.json"
_GREY = 0x010101  # times a grey level: its colour, packed as 0xRRGGBB
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "TIFF": ".tif"}


def detect(source: Path) -> bool:
    """Whether a folder is one that ``save_to_disk`` wrote."""
    return (source / _DICT).is_file() or ((source / _STATE).is_file() and (source / "dataset_info.json").is_file())


def read(source: str | Path, columns: Sequence[str], cache: Path) -> Annotations:
    """The areas of each class in the label maps of a data set.

    Args:
        source: a folder, or the id of a data set on the Hub, with ``:configuration`` if it has several.
        columns: names of the columns of images and of label maps; empty means that their names and types tell.
        cache: folder for what the library converts of a local data set; it must stay until the areas are drawn.

    Raises:
        InputError: the library is not installed, the data set cannot be loaded, its columns do not tell what they are,
            or it has no label map, or label maps of two kinds.
    """
    splits = _load(str(source), cache)
    first = next(iter(splits.values()))
    image, label = choose_columns(first.features, columns, str(source))
    rows = [
        _Row(split, table, index, image, label)
        for split, table in _undecoded(splits, image, label).items()
        for index in range(len(table))
    ]
    names = class_names(first.features[label], str(source))
    ledger, left_out = Ledger(), Counter[str]()
    examples: dict[str, list[str]] = {}
    found: list[tuple[_Row, str, str, dict[int, int], tuple[int, int]]] = []
    encodings: dict[str, str] = {}
    for row in rows:
        try:
            name, (encoding, values) = row.name, row.label_map()
        except (InputError, ValueError, OSError) as error:
            ledger.leave_out(f"its image or label map cannot be used: {error}", f"row {row.index} of {row.split}")
            continue
        encodings.setdefault(encoding, name)
        numbers, pixels = np.unique(values, return_counts=True)
        inside = dict(zip(numbers.tolist(), pixels.tolist(), strict=True))
        height, width = values.shape
        found.append((row, name, encoding, inside, (height, width)))
    colored = "color" in encodings
    if colored and "value" in encodings:
        raise InputError(
            f"the label map of {encodings['color']} is a colour image, but that of {encodings['value']} has values;"
            " save all label maps as one kind"
        )
    if not found:
        raise InputError(f"{source} has no row with an image and a label map in the columns {image} and {label}")
    inside_of = [_codes(inside, encoding, colored) for _, _, encoding, inside, _ in found]
    codes = sorted({code for inside in inside_of for code in inside})
    ignored = ignored_value({code for code in codes if code >= 0}) if names is None else ignore_of(len(names))
    labels = _labels(codes, colored, names, ignored, str(source))
    loaded: Callable[[_Row], np.ndarray] = lru_cache(maxsize=1)(lambda row: row.codes(colored))
    annotated = []
    for (row, name, _, _, size), inside in zip(found, inside_of, strict=True):
        areas = [Area(labels[code][0], partial(_mask, loaded, row, code)) for code in inside if code in labels]
        for code in inside.keys() - labels.keys():
            if names is not None and 0 <= code != ignored:
                kind = f"pixel of value {code}, which has no class name"
                left_out[kind] += inside[code]
                examples[kind] = [*examples.get(kind, []), name][:NAMED]
        annotated.append(AnnotatedImage(name, row.reader(), size, tuple(areas), split_named(row.split)))
    ledger.use("rows", len(annotated))
    classes: dict[str, Color | None] = dict.fromkeys(names.values()) if names is not None else dict(labels.values())
    why = f"its column '{image}' holds images, and '{label}' label maps"
    return Annotations(tuple(annotated), classes, False, left_out, examples, ledger, (), why=why)


def _labels(
    codes: Sequence[int], colored: bool, names: Mapping[int, str] | None, ignored: int, source: str
) -> dict[int, tuple[str, Color | None]]:
    """Value or packed colour -> its class and colour."""
    if colored:
        labels: dict[int, tuple[str, Color | None]] = {
            code: (f"color_{code:06x}", unpack_color(code)) for code in codes
        }
    elif names is not None:
        return {code: (names[code], None) for code in codes if code in names and code != ignored}
    else:
        labels = {code: (f"class_{code}", None) for code in codes if 0 <= code != ignored}
    if len(labels) > NARROW_CLASSES and (colored or not counts_up(list(labels))):
        raise InputError(
            f"the label maps of {source} hold {len(labels)} different values or colours, too many to be classes that"
            " nobody names; name them in a file id2label.json"
        )
    return labels


class _Row:
    """A row of a data set."""

    def __init__(self, split: str, table: Any, index: int, image: str, label: str) -> None:
        self.split = split
        self.index = index
        self._table = table
        self._image = image
        self._label = label

    @property
    def name(self) -> str:
        """A name for the image: that of its file if the data set says, else the number of the row."""
        entry = self._entry()
        path = PurePosixPath((entry["path"] or "").replace("\\", "/"))
        if path.suffix.lower() in PHOTOGRAPH_SUFFIXES:
            return f"{self.split}/{path.name}"
        with Image.open(io.BytesIO(self._content(entry))) as picture:
            return f"{self.split}/{self.index:06d}{_SUFFIXES.get(picture.format or '', '.png')}"

    def reader(self) -> Callable[[], bytes]:
        """Returns the content of the image file."""
        entry = self._entry()
        if entry["bytes"] is None:
            return partial(read_bytes, Path(entry["path"]))
        return lambda: self._content(self._entry())

    def label_map(self) -> tuple[str, np.ndarray]:
        """The encoding "value", "color" or "grey" of the label map, and its (H, W) int32.

        They are values, colours packed as 0xRRGGBB, or grey levels in RGB, which are colours if other label maps have
        colours, and values if not.
        """
        entry = self._table[self.index][self._label]
        if entry is None:
            raise ValueError("there is no label map")
        if not isinstance(entry, dict):
            values = np.asarray(entry)
            values = values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values
            if values.ndim != 2 or values.dtype.kind not in "iub":
                raise ValueError(f"the label map is an array of the shape {values.shape}, not of rows and columns")
            return "value", values.astype(np.int32)
        with Image.open(io.BytesIO(self._content(entry))) as picture:
            picture.load()
            if picture.mode in VALUE_MODES:
                return "value", raw(picture, "value")
            if picture.mode in ("I", "F"):
                return "value", np.asarray(picture).astype(np.int32)
            channels = np.asarray(picture.convert("RGB"))
            if (channels == channels[..., :1]).all():
                return "grey", channels[..., 0].astype(np.int32)
            return "color", raw(picture, "color")

    def codes(self, colored: bool) -> np.ndarray:
        """(H, W) int32: the values of the label map, or its colours packed as 0xRRGGBB."""
        encoding, values = self.label_map()
        return values * _GREY if colored and encoding == "grey" else values

    def _entry(self) -> dict[str, Any]:
        entry = self._table[self.index][self._image]
        if entry is None:
            raise ValueError("there is no image")
        return entry

    @staticmethod
    def _content(entry: dict[str, Any]) -> bytes:
        return entry["bytes"] if entry["bytes"] is not None else read_bytes(Path(entry["path"]))


def _codes(inside: dict[int, int], encoding: str, colored: bool) -> dict[int, int]:
    """Value or packed colour -> number of pixels, of a label map beside others of colours or of values."""
    return {level * _GREY: number for level, number in inside.items()} if colored and encoding == "grey" else inside


def _mask(loaded: Callable[[_Row], np.ndarray], row: _Row, code: int, height: int, width: int) -> np.ndarray:
    return loaded(row) == code


def _load(source: str, cache: Path) -> dict[str, Any]:
    """Split -> its rows."""
    if importlib.util.find_spec("datasets") is None:
        raise InputError("reading a Hugging Face data set needs the library datasets: `pip install 'encnet[hf]'`")
    import datasets

    datasets.disable_progress_bars()
    try:
        if detect(Path(source)):
            loaded: Any = datasets.load_from_disk(source)
        elif Path(source).exists():
            loaded = datasets.load_dataset(source, cache_dir=str(cache))
        else:
            name, _, configuration = source.partition(":")
            loaded = datasets.load_dataset(name, configuration or None)
    except Exception as error:  # the library raises many kinds of errors, of files, of the network and of its own
        message = " ".join(str(error).split())
        place = "the folder" if Path(source).exists() else "the Hugging Face Hub"
        raise InputError(
            f"cannot load the data set {source} from {place}: {message}; correct its name or folder"
        ) from error
    finally:
        datasets.enable_progress_bars()
    return dict(loaded) if isinstance(loaded, dict) else {str(loaded.split or "all"): loaded}


def _undecoded(splits: Mapping[str, Any], image: str, label: str) -> dict[str, Any]:
    """The splits with images as the bytes of their files, which are copied as they are."""
    import datasets

    undecoded = {}
    for split, table in splits.items():
        table = table.select_columns([image, label])
        for column in (image, label):
            if isinstance(table.features[column], datasets.Image):
                table = table.cast_column(column, datasets.Image(decode=False))
        undecoded[split] = table
    return undecoded
