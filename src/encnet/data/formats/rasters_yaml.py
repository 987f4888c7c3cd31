"""The key `rasters` of dataset.yaml: georeferenced rasters of any size, read in windows, beside what labels them.

rasters:
  images: scenes                  # a raster, or a folder of rasters
  labels: parcels.gpkg            # vectors, a label raster, or a folder of label rasters named like the rasters
  val: 0.2                        # share of the ground that validates, in blocks apart from the rest; also `test`
  window: 1024                    # side of the windows in pixels, at most
  attribute: crop                 # vectors: the attribute that says the class; without it, all shapes are of one class
  outside: ignore                 # vectors: the class of pixels in no shape, or ignore
  layer: fields                   # vectors: the layer, if the file has several
  crs: EPSG:4326                  # vectors: the coordinate system, if the file does not say it
  nodata: label                   # label rasters: their nodata value is a label like any other; default: no label

Instead of `images`, `labels` and `val` here, `splits` may name rasters and labels for each split. With vectors, `value`
of a class is the value of the attribute, or a list of values; by default, it is the name of the class.

"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from encnet.data.dataset import Sample
from encnet.data.formats.label_rasters import label_rasters, rasters_in, with_missing
from encnet.data.formats.vector_classes import VectorClasses
from encnet.data.formats.yaml_reader import YamlReader
from encnet.data.geo.division import Divider
from encnet.data.geo.scene import Scene
from encnet.data.geo.vectors import VECTOR_SUFFIXES, VectorFile
from encnet.data.geo.window import Rectangle, Window
from encnet.data.labels import LabelSet
from encnet.data.source import ImageSource
from encnet.system.errors import InputError
from encnet.system.text import quoted

WINDOW: int = 1024
"""Default side of the windows, in pixels."""
_LEAST_WINDOW = 32
_OF_VECTORS = ("attribute", "outside", "layer", "crs")
_KEYS = {"images", "labels", "val", "test", "window", "nodata", *_OF_VECTORS}


class Rasters(NamedTuple):
    """What the key describes."""

    labels: LabelSet  #: the classes
    splits: Mapping[str, tuple[Sample, ...]]  #: windows and their labels
    notes: tuple[str, ...]  #: what was decided, one sentence each


def of_vectors(document: Mapping[str, Any]) -> bool:
    """Whether a dataset.yaml with the key names vectors as labels."""
    splits = document.get("splits")
    entries = [document.get("rasters"), *(splits.values() if isinstance(splits, dict) else ())]
    names = [entry.get("labels") for entry in entries if isinstance(entry, dict)]
    return any(isinstance(name, str) and Path(name).suffix.lower() in VECTOR_SUFFIXES for name in names)


def read_rasters(path: Path, document: Mapping[str, Any], labels: LabelSet | None, source: ImageSource) -> Rasters:
    """The windows that a dataset.yaml with the key `rasters` describes.

    Args:
        path: the file.
        document: its content.
        labels: the classes of label rasters; None if labels are vectors, or there are no `classes`.
        source: how rasters are read.

    Raises:
        InputError: a key has a mistake, or a file is missing or cannot be used; the message names it.
    """
    return _RastersYaml(path, document, labels, source).read()


class _RastersYaml(YamlReader):
    def __init__(self, path: Path, document: Mapping[str, Any], labels: LabelSet | None, source: ImageSource) -> None:
        super().__init__(path)
        self.document, self.labels, self.source = document, labels, source
        self.settings = self.mapping(document["rasters"] or {}, "rasters", set(), _KEYS)
        self.vectors = of_vectors(document)
        self.notes: list[str] = []

    def read(self) -> Rasters:
        for key in ("label_suffix", "image_suffix", "unpaired", "orientation"):
            if key in self.document:
                raise self.mistake(key, "is for photographs, and has no effect beside `rasters`; leave it out")
        self.refuse_other_keys()
        by_share = "images" in self.settings
        if by_share and "splits" in self.document:
            raise self.mistake("splits", "names rasters, and `rasters.images` does too; leave out one of the two")
        if not by_share and "splits" not in self.document:
            raise self.mistake("rasters", "lacks `images`; name the rasters there, or those of each split in `splits`")
        entries = {"": self.settings} if by_share else self.splits(self.document)
        named = {split: self.named(entry, split) for split, entry in entries.items()}
        vectors = [labels for _, labels in named.values() if isinstance(labels, VectorFile)]
        drawn = VectorClasses(self.path, self.document, self.settings, vectors) if vectors else None
        labels = self.labels_of_rasters() if drawn is None else drawn.labels
        scenes = {split: self.scenes(*files, labels, drawn) for split, files in named.items()}
        notes = [*self.notes, *(drawn.notes() if drawn is not None else [])]
        self.require_readable(scenes)
        divider = Divider(labels, self.window(), self.source, self.path.parent)
        if by_share:
            division = divider.by_area(scenes[""], self.shares())
        else:
            self.refuse_shares()
            division = divider.by_files(scenes)
        return Rasters(labels, division.splits, (*notes, *division.notes))

    def named(self, entry: Any, split: str) -> tuple[list[Path], VectorFile | Path | None]:
        """The rasters of an entry, and what labels them."""
        key = f"splits.{split}" if split else "rasters"
        if split:
            entry = self.mapping(entry, key, {"images"}, {"labels"})
        images = rasters_in(self.path.parent / self.text(entry["images"], f"{key}.images", path=True))
        if "labels" not in entry:
            return images, None
        labels = self.path.parent / self.text(entry["labels"], f"{key}.labels", path=True)
        if labels.suffix.lower() in VECTOR_SUFFIXES:
            settings = {name: self.text(self.settings[name], f"rasters.{name}") for name in self.given_of_vectors()}
            return images, VectorFile(labels, settings.get("layer"), settings.get("attribute"), settings.get("crs"))
        if self.vectors:
            raise self.mistake(f"{key}.labels", "are rasters, but other labels are vectors; give labels of one kind")
        return images, labels

    def given_of_vectors(self) -> list[str]:
        return [name for name in ("layer", "attribute", "crs") if name in self.settings]

    def labels_of_rasters(self) -> LabelSet:
        if self.labels is None:
            raise self.mistake(
                "classes",
                "is not given; label rasters need it, as `classes: [{name: water, value: 1}, {name: land, value: 2}]`",
            )
        return with_missing(self.labels)

    def scenes(
        self, images: list[Path], labels: VectorFile | Path | None, classes: LabelSet, drawn: VectorClasses | None
    ) -> list[Scene]:
        if labels is None:
            return [Scene.of(image) for image in images]
        if isinstance(labels, VectorFile):
            assert drawn is not None
            return drawn.scenes(images, labels)
        assert self.labels is not None
        scenes, notes = label_rasters(images, labels, self.labels, self.nodata_is_label())
        self.notes += notes
        return scenes

    def shares(self) -> dict[str, float]:
        """Split -> share of the ground."""
        shares: dict[str, float] = {}
        for name in ("val", "test"):
            if name in self.settings:
                share = self.settings[name]
                if not isinstance(share, int | float) or isinstance(share, bool) or not 0 < share < 1:
                    raise self.mistake(f"rasters.{name}", f"must be a share between 0 and 1, not {quoted(share)}")
                shares[name] = float(share)
        rest = 1 - sum(shares.values())
        if rest <= 0:
            raise self.mistake("rasters.val", "and `test` leave nothing to train on; their sum must be below 1")
        return {"train": rest, **shares}

    def window(self) -> int:
        window = self.settings.get("window", WINDOW)
        if not isinstance(window, int) or isinstance(window, bool) or window < _LEAST_WINDOW:
            raise self.mistake(
                "rasters.window", f"must be a number of pixels from {_LEAST_WINDOW}, not {quoted(window)}"
            )
        return window

    def nodata_is_label(self) -> bool:
        if self.settings.get("nodata", "label") != "label":
            raise self.mistake("rasters.nodata", f"must be label, not {quoted(self.settings['nodata'])}")
        return "nodata" in self.settings

    def refuse_other_keys(self) -> None:
        """Refuses keys that the kind of the labels does not use."""
        unused = ("nodata",) if self.vectors else _OF_VECTORS
        kind = "label rasters" if self.vectors else "vectors"
        for key in unused:
            if key in self.settings:
                raise self.mistake(f"rasters.{key}", f"is for {kind}, and there are none in `labels`; leave it out")
        for key in ("labels", "ignore") if self.vectors else ():
            if key in self.document:
                raise self.mistake(key, "is for label rasters, and labels are vectors; leave it out")

    def refuse_shares(self) -> None:
        for key in ("val", "test", "labels"):
            if key in self.settings:
                raise self.mistake(
                    f"rasters.{key}", "is for `rasters.images`, but `splits` names rasters; leave it out"
                )

    def require_readable(self, scenes: Mapping[str, Sequence[Scene]]) -> None:
        """Reads a pixel of each raster: if its bands need settings, one message says so, not one for each window."""
        for scene in dict.fromkeys(scene for each in scenes.values() for scene in each):
            pixel = Window(scene.raster, Rectangle(0, 0, 1, 1))
            try:
                (self.source.values if self.source.percentiles else self.source.read)(pixel)
            except InputError as error:
                raise InputError(f"{self.path}: {error}", error.argument) from error
