"""dataset.yaml: a data set's classes, ignored labels and folders, as its owner describes them.

name: my-data                     # default: the folder's name
labels: value                     # how label maps encode classes: value (default) or color
classes:
  - {name: sky, color: [128, 128, 128]}             # value: default is the position in this list
  - {name: car, color: [64, 0, 128], value: [8, 9]} # with `labels: color`: colors: [[64, 0, 128], [64, 0, 192]]
ignore: [255]                     # values or colours; 255 is always ignored unless a class has it
undeclared: sky                   # optional: the class of all labels not named here; without it they are an error
label_suffix: _gt                 # optional: the label map of a.jpg is a_gt.png
splits:
  train: {images: images/train, labels: labels/train}
  val: {images: images/val, labels: labels/val, list: val.txt}  # list: optional, one file name or stem per line
bands: [1, 2, 3, 4]               # optional: the bands that the network sees; default: 8-bit grey or RGB photographs
value_range: [0, 4095]            # optional: values that become 0 and 255; a pair per band; {percentiles: [0.5, 99.5]}
orientation: shown                # optional: how label maps of photographs that EXIF turns were drawn: shown or stored

A file with only the last three keys changes how photographs are read, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.formats.image_settings import KEYS, image_source
from encnet.data.formats.pairs import pair, read_list
from encnet.data.formats.unique_yaml import load_yaml
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.palette import MAX_CLASSES, Color, distinct_palette
from encnet.system.errors import InputError
from encnet.system.files import write_text

FILE_NAME = "dataset.yaml"


def read_dataset_yaml(path: Path) -> DatasetIndex:
    """The data set that the file describes; its folders are relative to the file's folder.

    Raises:
        InputError: the file has a mistake, or a folder or listed image is missing; the message names the key.
    """
    return _DatasetYaml(path).index()


def write_dataset_yaml(
    path: str | Path, labels: LabelSet, splits: Mapping[str, Mapping[str, str]], name: str, label_suffix: str = ""
) -> None:
    """Writes a dataset.yaml from which :func:`read_dataset_yaml` reads the same ``labels``.

    Args:
        path: the file to write.
        labels: the classes, and how label maps encode them.
        splits: split -> {"images": folder, "labels": folder, "list": file}; the last two are optional.
        name: name of the data set.
        label_suffix: what the stem of a label map adds to that of its image.
    """
    classes = []
    for index, (class_name, color) in enumerate(zip(labels.names, labels.palette, strict=True)):
        entry: dict[str, Any] = {"name": class_name, "color": list(color)}
        raw = [_plain(raw) for raw, target in labels.raw.items() if target == index]
        if labels.encoding == "value":
            entry["value"] = raw[0] if len(raw) == 1 else raw
        elif raw != [entry["color"]]:
            entry["colors"] = raw
        classes.append(entry)
    document: dict[str, Any] = {"name": name, "labels": labels.encoding, "classes": classes}
    document["ignore"] = [_plain(raw) for raw, target in labels.raw.items() if target == IGNORE]
    if labels.undeclared is not None:
        document["undeclared"] = labels.names[labels.undeclared]
    if label_suffix:
        document["label_suffix"] = label_suffix
    document["splits"] = {split: dict(folders) for split, folders in splits.items()}
    write_text(path, yaml.safe_dump(document, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120))


def _plain(raw: int | Color) -> int | list[int]:
    return raw if isinstance(raw, int) else list(raw)


class _DatasetYaml:
    """Reads one file; the methods take the key that they read, for messages about mistakes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        optional = {"name", "labels", "ignore", "undeclared", "label_suffix", *KEYS}
        self.document = self.mapping(load_yaml(path), "", required={"classes", "splits"}, optional=optional)

    def mistake(self, key: str, text: str) -> InputError:
        return InputError(f"{self.path}: `{key}` {text}" if key else f"{self.path}: the file {text}")

    def mapping(self, value: Any, key: str, required: set[str], optional: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.mistake(key, f"must be a mapping with {_listed(required)}, not {value!r}")
        for unknown in sorted(value.keys() - required - optional, key=str):
            raise self.mistake(key, f"has the unknown key '{unknown}'; it may have {_listed(required | optional)}")
        for missing in sorted(required - value.keys()):
            raise self.mistake(key, f"lacks the key '{missing}'")
        return value

    def text(self, value: Any, key: str) -> str:
        if not isinstance(value, str) or not value:
            raise self.mistake(key, f"must be text, not {value!r}; put quotes around it")
        return value

    def sequence(self, value: Any, key: str) -> Sequence[Any]:
        if not isinstance(value, list):
            raise self.mistake(key, f"must be a list, not {value!r}")
        return value

    def color(self, value: Any, key: str) -> Color:
        if not isinstance(value, list) or len(value) != 3 or not all(_is_integer(c, 255) for c in value):
            raise self.mistake(key, f"must be a colour [red, green, blue] of integers in 0-255, not {value!r}")
        return value[0], value[1], value[2]

    def value(self, value: Any, key: str) -> int:
        if not _is_integer(value, 65535):
            raise self.mistake(key, f"must be an integer in 0-65535, not {value!r}")
        return value

    def index(self) -> DatasetIndex:
        root = self.path.parent
        name = self.text(self.document.get("name", root.resolve().name), "name")
        return DatasetIndex(name, root, self.labels(), self.splits(), source=image_source(self.document, self.path))

    def labels(self) -> LabelSet:
        encoding = self.document.get("labels", "value")
        if encoding not in ("value", "color"):
            raise self.mistake("labels", f"must be value or color, not {encoding!r}")
        entries = self.sequence(self.document["classes"], "classes")
        if not 1 <= len(entries) <= MAX_CLASSES:
            raise self.mistake("classes", f"must have 1 to {MAX_CLASSES} entries, not {len(entries)}")
        names: list[str] = []
        palette: list[Color] = []
        raw: dict[int | Color, int] = {}
        for position, entry in enumerate(entries):
            key = f"classes[{position}]"
            name, color, class_labels = self.class_entry(entry, key, encoding, position)
            if name in names:
                raise self.mistake(f"{key}.name", f"is '{name}', like classes[{names.index(name)}]; names must differ")
            for label in class_labels:
                if label in raw:
                    raise self.mistake(key, f"has the label {label}, which '{names[raw[label]]}' has; give it to one")
                raw[label] = position
            names.append(name)
            palette.append(color or distinct_palette(len(entries))[position])
        self.ignore(raw, names, encoding)
        return LabelSet(tuple(names), tuple(palette), encoding, raw, self.undeclared(names))

    def class_entry(
        self, entry: Any, key: str, encoding: str, position: int
    ) -> tuple[str, Color | None, dict[int | Color, None]]:
        """The name, the colour and the raw labels of one class."""
        if encoding == "value":
            entry = self.mapping(entry, key, required={"name"}, optional={"color", "value"})
            values = entry.get("value", position)
            values = values if isinstance(values, list) else [values]
            raw = [self.value(value, f"{key}.value") for value in values]
            color = self.color(entry["color"], f"{key}.color") if "color" in entry else None
            return self.text(entry["name"], f"{key}.name"), color, dict.fromkeys(raw)
        entry = self.mapping(entry, key, required={"name", "color"}, optional={"colors"})
        color = self.color(entry["color"], f"{key}.color")
        colors = self.sequence(entry.get("colors", [entry["color"]]), f"{key}.colors")
        raw = [self.color(value, f"{key}.colors") for value in colors]
        return self.text(entry["name"], f"{key}.name"), color, dict.fromkeys(raw)

    def ignore(self, raw: dict[int | Color, int], names: list[str], encoding: str) -> None:
        """Adds the ignored labels to ``raw``."""
        read = self.value if encoding == "value" else self.color
        for label in [read(label, "ignore") for label in self.sequence(self.document.get("ignore", []), "ignore")]:
            if raw.get(label, IGNORE) != IGNORE:
                raise self.mistake("ignore", f"has the label {label}, which the class '{names[raw[label]]}' has")
            raw[label] = IGNORE
        if encoding == "value":
            raw.setdefault(IGNORE, IGNORE)

    def undeclared(self, names: list[str]) -> int | None:
        if "undeclared" not in self.document:
            return None
        name = self.text(self.document["undeclared"], "undeclared")
        if name not in names:
            raise self.mistake("undeclared", f"is '{name}', which is not the name of a class")
        return names.index(name)

    def splits(self) -> dict[str, tuple[Sample, ...]]:
        splits = self.document["splits"]
        if not isinstance(splits, dict) or not splits:
            raise self.mistake("splits", f"must be a mapping like train: {{images: ..., labels: ...}}, not {splits!r}")
        return {self.text(name, "splits"): self.split(entry, f"splits.{name}") for name, entry in splits.items()}

    def split(self, entry: Any, key: str) -> tuple[Sample, ...]:
        entry = self.mapping(entry, key, required={"images"}, optional={"labels", "list"})
        suffix = self.text(self.document["label_suffix"], "label_suffix") if "label_suffix" in self.document else ""
        images = self.folder(entry["images"], f"{key}.images")
        labels = self.folder(entry["labels"], f"{key}.labels") if "labels" in entry else None
        if images == labels and not suffix:
            raise self.mistake(f"{key}.labels", "is the folder of the images; this needs a `label_suffix`")
        samples = pair(images, labels, suffix)
        if "list" not in entry:
            return samples
        try:
            return read_list(self.path.parent / self.text(entry["list"], f"{key}.list"), samples)
        except InputError as error:
            raise self.mistake(f"{key}.list", f"has a mistake: {error}") from error

    def folder(self, value: Any, key: str) -> Path:
        folder = self.path.parent / self.text(value, key)
        if not folder.is_dir():
            raise self.mistake(key, f"is {value}, but there is no folder {folder}")
        return folder


def _is_integer(value: Any, largest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest


def _listed(keys: set[str]) -> str:
    return ", ".join(sorted(keys))
