"""dataset.yaml: a data set's classes, ignored labels and folders, as its owner describes them; each key is optional.

name: my-data                     # default: the folder's name
labels: value                     # how label maps encode classes: value (default) or color; or mask_per_class: a binary
                                  # mask for each class, see encnet.data.formats.mask_classes
classes:                          # default: the values or colours in the label maps
  - {name: sky, color: [128, 128, 128]}             # value: default is the position in this list
  - {name: car, color: [64, 0, 128], value: [8, 9]} # with `labels: color`: colors: [[64, 0, 128], [64, 0, 192]]
  - road                                            # the same as {name: road}
ignore: [255]                     # values or colours; beside `classes`, 255 is always ignored unless a class has it;
                                  # 65535 in its place beside more than 255 classes
undeclared: sky                   # the class of all labels not named here, or `ignore`; without it they are an error
label_suffix: _gt                 # the label map of a.jpg is a_gt.png; with `image_suffix: _rgb`, that of a_rgb.jpg
unpaired: leave_out               # photographs without label maps, and label maps without photographs, are left out
splits:                           # default: the folders whose names say photographs, label maps, train, val and test
  train: {images: images/train, labels: labels/train}
  val: {images: images/val, labels: labels/val, list: val.txt}  # list: optional, a name, stem or path per line
bands: [1, 2, 3, 4]               # the bands that the network sees; default: 8-bit grey or RGB photographs
value_range: [0, 4095]            # values that become 0 and 255; a pair per band; {percentiles: [0.5, 99.5]}
rasters: {labels: parcels.gpkg}   # georeferenced rasters of any size: see encnet.data.formats.rasters_yaml
orientation: shown                # how label maps of photographs that EXIF turns were drawn: shown or stored

"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from encnet.data.class_indices import MAX_CLASSES, ignore_of
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.formats.arrangement import arrange
from encnet.data.formats.image_settings import KEYS, image_source
from encnet.data.formats.mask_classes import MASK_PER_CLASS, MaskClasses
from encnet.data.formats.matching import without_unpaired
from encnet.data.formats.pairs import pair, read_list
from encnet.data.formats.rasters_yaml import of_vectors, read_rasters
from encnet.data.formats.unique_yaml import load_yaml
from encnet.data.formats.yaml_reader import YamlReader
from encnet.data.labels import LabelSet
from encnet.data.palette import Color, distinct_palette
from encnet.data.scanning import scan_labels
from encnet.system.errors import InputError
from encnet.system.ledger import Ledger
from encnet.system.text import LONGEST_NAME, quoted, shown

FILE_NAME = "dataset.yaml"


def without_val(splits: Collection[str]) -> dict[str, str]:
    """What is said of the split val of a user's own data, if there is none: split -> why it is absent."""
    reason = (
        "training scores its model on one; put photographs and label maps into folders called val, or name them in"
        f" {FILE_NAME}. Where no folder names a split, every fifth photograph is in val"
    )
    return {} if "val" in splits else {"val": reason}


def read_dataset_yaml(path: Path) -> DatasetIndex:
    """The data set that the file describes; its folders are relative to the file's folder.

    Raises:
        InputError: the file has a mistake, or a folder or listed image is missing; the message names the key.
    """
    return _DatasetYaml(path).index()


class _DatasetYaml(YamlReader):
    """Reads one file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        optional = {"name", "labels", "classes", "ignore", "undeclared", "label_suffix", "image_suffix", "unpaired"}
        optional |= {"splits", "rasters", "outside", *KEYS}
        self.document = self.mapping(load_yaml(path), "", required=set(), optional=optional)
        self.notes: list[str] = []
        self.ledger = Ledger()
        self.masks: MaskClasses | None = None

    def index(self) -> DatasetIndex:
        root = self.path.parent
        folder = shown(root.resolve().name, LONGEST_NAME // 2)
        name = self.text(self.document["name"], "name") if "name" in self.document else folder or "data"
        source = image_source(self.document, self.path)
        if self.document.get("labels") == MASK_PER_CLASS:
            self.masks = MaskClasses(self.path, self.document)
        elif "outside" in self.document:
            other = "; with vectors, it is a key of `rasters`" if "rasters" in self.document else ""
            raise self.mistake("outside", f"is for `labels: {MASK_PER_CLASS}`, and has no effect here{other}")
        if "rasters" in self.document:
            labels = self.labels() if "classes" in self.document and not of_vectors(self.document) else None
            rasters = read_rasters(self.path, self.document, labels, source)
            return DatasetIndex(name, root, rasters.labels, rasters.splits, notes=rasters.notes, source=source)
        if "splits" in self.document:
            splits = {name: self.split(entry, f"splits.{name}") for name, entry in self.splits(self.document).items()}
        else:
            splits = self.arranged(root)
        if "unpaired" in self.document:
            if self.document["unpaired"] != "leave_out":
                raise self.mistake("unpaired", f"must be leave_out, not {quoted(self.document['unpaired'])}")
            splits = {split: without_unpaired(samples, root, self.ledger) for split, samples in splits.items()}
        if self.masks is not None:
            labels = self.masks.labels
            self.notes += self.masks.account(splits, self.ledger)
        else:
            labels = self.labels() if "classes" in self.document else self.scanned(splits, root)
        absent, notes = without_val(splits), tuple(self.notes)
        return DatasetIndex(name, root, labels, splits, absent=absent, notes=notes, ledger=self.ledger, source=source)

    def arranged(self, root: Path) -> dict[str, tuple[Sample, ...]]:
        """The samples in folders that are recognised by their names."""
        arrangement = arrange(root)
        if arrangement is None:
            raise self.mistake("splits", f"is not given, and {root} has no folders of photographs and label maps")
        self.notes += [f"folders are recognised by their names: {arrangement.because}", *arrangement.notes]
        return dict(arrangement.splits)

    def encoding(self) -> Literal["value", "color"]:
        encoding = self.document.get("labels", "value")
        if encoding not in ("value", "color"):
            raise self.mistake("labels", f"must be value, color or {MASK_PER_CLASS}, not {quoted(encoding)}")
        return encoding

    def scanned(self, splits: Mapping[str, Sequence[Sample]], root: Path) -> LabelSet:
        """The classes that the label maps hold."""
        if "undeclared" in self.document:
            raise self.mistake("undeclared", "is for labels that `classes` does not list, but there is no `classes`")
        encoding = self.encoding() if "labels" in self.document else None
        ignore = None
        if "ignore" in self.document:
            entries = self.sequence(self.document["ignore"], "ignore")
            colored = encoding == "color" or any(isinstance(entry, list) for entry in entries)
            ignore = [(self.color if colored else self.value)(entry, "ignore") for entry in entries]
        maps = {s.label for samples in splits.values() for s in samples if isinstance(s.label, Path)}
        labels, notes = scan_labels(sorted(path for path in maps if path.is_file()), root, encoding, ignore)
        self.notes += notes
        return labels

    def labels(self) -> LabelSet:
        encoding = self.encoding()
        entries = self.sequence(self.document["classes"], "classes")
        if not 1 <= len(entries) <= MAX_CLASSES:
            raise self.mistake("classes", f"must have 1 to {MAX_CLASSES} entries, not {len(entries)}")
        names: dict[str, int] = {}
        palette: list[Color] = []
        distinct = distinct_palette(len(entries))
        raw: dict[int | Color, int] = {}
        for position, entry in enumerate(entries):
            key = f"classes[{position}]"
            name, color, class_labels = self.class_entry(entry, key, encoding, position)
            if name in names:
                raise self.mistake(f"{key}.name", f"is '{name}', like classes[{names[name]}]; names must differ")
            for label in class_labels:
                if label in raw:
                    other = list(names)[raw[label]]
                    raise self.mistake(key, f"has the label {label}, which '{other}' has; give it to one")
                raw[label] = position
            names[name] = position
            palette.append(color or distinct[position])
        self.ignore(raw, list(names), encoding)
        return LabelSet(tuple(names), tuple(palette), encoding, raw, self.undeclared(list(names)))

    def class_entry(
        self, entry: Any, key: str, encoding: str, position: int
    ) -> tuple[str, Color | None, dict[int | Color, None]]:
        """The name, the colour and the raw labels of one class."""
        if encoding == "value":
            entry = {"name": entry} if isinstance(entry, str) else entry
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
        ignore = ignore_of(len(names))
        read = self.value if encoding == "value" else self.color
        for label in [read(label, "ignore") for label in self.sequence(self.document.get("ignore", []), "ignore")]:
            if raw.get(label, ignore) != ignore:
                raise self.mistake("ignore", f"has the label {label}, which the class '{names[raw[label]]}' has")
            raw[label] = ignore
        if encoding == "value":
            raw.setdefault(ignore, ignore)

    def undeclared(self, names: list[str]) -> int | None:
        if "undeclared" not in self.document:
            return None
        return self.class_or_ignore(self.document["undeclared"], "undeclared", names, ignore_of(len(names)))

    def split(self, entry: Any, key: str) -> tuple[Sample, ...]:
        entry = self.mapping(entry, key, required={"images"}, optional={"labels", "list"})
        label_suffix, image_suffix = (
            self.text(self.document[name], name) if name in self.document else ""
            for name in ("label_suffix", "image_suffix")
        )
        images = self.folder(entry["images"], f"{key}.images")
        if self.masks is not None and "labels" in entry:
            samples = self.masks.samples(images, entry["labels"], f"{key}.labels")
        else:
            labels = self.folder(entry["labels"], f"{key}.labels") if "labels" in entry else None
            if images == labels and label_suffix == image_suffix:
                raise self.mistake(f"{key}.labels", "is the folder of the images; this needs a `label_suffix`")
            samples = pair(images, labels, label_suffix, nested=True, image_suffix=image_suffix)
        if "list" not in entry:
            return samples
        try:
            return read_list(self.path.parent / self.text(entry["list"], f"{key}.list", path=True), samples)
        except InputError as error:
            raise self.mistake(f"{key}.list", f"has a mistake: {error}") from error

    def folder(self, value: Any, key: str) -> Path:
        folder = self.path.parent / self.text(value, key, path=True)
        if not folder.is_dir():
            pattern = f"; a pattern of masks needs `labels: {MASK_PER_CLASS}`" if "{class}" in str(value) else ""
            raise self.mistake(key, f"is {value}, but there is no folder {folder}{pattern}")
        if folder.resolve() == Path(folder.resolve().anchor):
            raise self.mistake(key, f"is {value}, the whole disk; name the folder of the data set")
        return folder
