"""Finds rasters, and the label raster of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from encnet.data.formats.matching import match
from encnet.data.formats.pairs import files
from encnet.data.geo.raster_labels import Grid, RasterLabels, grid_of
from encnet.data.geo.scene import Scene
from encnet.data.geo.window import Window
from encnet.data.labels import LabelSet
from encnet.data.palette import Color
from encnet.data.raster import open_raster
from encnet.data.raw_labels import pack_color
from encnet.system.errors import InputError
from encnet.system.text import counted

RASTER_SUFFIXES: frozenset[str] = frozenset({".tif", ".tiff", ".vrt", ".img", ".jp2"})
"""Suffixes of the rasters in a folder; a raster that is named itself may have any."""
NO_LABEL: int = 65535
"""Raw label of pixels that no label reaches, where classes are declared by value."""
NO_LABEL_COLOR: Color = (1, 254, 1)
"""Their colour, where classes are declared by colour."""
_NOTES: dict[Grid, str] = {
    "placed": "lies on another grid than its raster; each pixel gets the label at its centre",
    "unplaced": "has no coordinate system, or its raster has none; pixels correspond by row and column",
}


def rasters_in(path: Path) -> list[Path]:
    """A raster, or the rasters in a folder.

    Raises:
        InputError: there is no such file or folder, or no raster in it.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"there is no raster and no folder {path}; correct the path in dataset.yaml")
    found = files(path, RASTER_SUFFIXES)
    if not found:
        raise InputError(f"{path} holds no raster ({', '.join(sorted(RASTER_SUFFIXES))}); name the raster itself")
    return found


def with_missing(labels: LabelSet) -> LabelSet:
    """Classes of label rasters, and the raw label of pixels without one, which is ignored.

    Raises:
        InputError: that raw label is of a class.
    """
    missing = NO_LABEL if labels.encoding == "value" else NO_LABEL_COLOR
    if labels.raw.get(missing, labels.ignore) != labels.ignore:
        name = labels.names[labels.raw[missing]]
        raise InputError(f"the class '{name}' has the label {missing}, which says that there is none; give another")
    return replace(labels, raw={**labels.raw, missing: labels.ignore})


def label_rasters(
    images: Sequence[Path], path: Path, labels: LabelSet, nodata_is_label: bool
) -> tuple[list[Scene], list[str]]:
    """The scenes of rasters with label rasters, and notes about them.

    Args:
        images: the rasters.
        path: a label raster for all of them, or a folder with one for each, of the same name or a similar one.
        labels: the classes, as dataset.yaml declares them.
        nodata_is_label: whether the nodata value of label rasters is a label like any other.

    Raises:
        InputError: a raster has no label raster, or one that cannot be placed on it; or nodata is the value of a class.
    """
    colored = labels.encoding == "color"
    reserved = (NO_LABEL_COLOR if colored else NO_LABEL) not in labels.raw
    notes: list[str] = []
    if path.is_dir():
        maps = [((), file) for file in files(path, RASTER_SUFFIXES)]
        samples, note = match([((), image) for image in images], maps, images[0].parent, path)
        notes += [note] if note else []
        label_of = {sample.image: sample.label for sample in samples}
        used = {label_of.get(image) for image in images}
        if unused := [file.name for _, file in maps if file not in used]:
            notes.append(f"{len(unused)} of {len(maps)} label rasters in {path} are of no raster ({unused[0]})")
    else:
        label_of = dict.fromkeys(images, path)
    scenes = []
    files_on: dict[Grid, list[Path]] = {}
    for image in images:
        file = label_of.get(image)
        if not isinstance(file, Path) or not file.is_file():
            file = path / f"{image.stem}.tif" if path.is_dir() else path
            raise InputError(f"the raster {image} has no label raster; {file} was expected")
        if file.samefile(image):
            raise InputError(f"{image} is named as a raster and as its own label raster; name another one in `labels`")
        _require_no_class_without_data(file, labels, nodata_is_label)
        grid = grid_of(file, image)
        files_on.setdefault(grid, []).append(file)
        scenes.append(Scene.of(image, _Labelled(file, colored, not nodata_is_label, grid, reserved)))
    without = [file for each in files_on.values() for file in each if nodata_is_label and _nodata(file) is None]
    if without:
        notes.append(
            f"`nodata: label` has no effect on {without[0]} ({counted(len(without), 'label raster')} without a nodata"
            " value)"
        )
    for kind, text in _NOTES.items():
        if found := files_on.get(kind):
            notes.append(f"{found[0]} {text} ({len(found)} of {len(images)} label rasters)")
    return scenes, notes


@dataclass(frozen=True)
class _Labelled:
    """Makes the labels of the windows of one raster."""

    path: Path
    colored: bool
    nodata: bool
    grid: Grid
    reserved: bool

    def __call__(self, window: Window) -> RasterLabels:
        missing = pack_color(NO_LABEL_COLOR) if self.colored else NO_LABEL
        return RasterLabels(window, self.path, self.colored, missing, self.nodata, self.grid, self.reserved)


def _nodata(path: Path) -> float | None:
    """The value that means no data in a raster."""
    with open_raster(path, (1,)) as reader:
        return reader.dataset.nodata


def _require_no_class_without_data(path: Path, labels: LabelSet, nodata_is_label: bool) -> None:
    nodata = _nodata(path)
    if nodata is None or nodata_is_label or not float(nodata).is_integer():
        return
    value = int(nodata)
    target = labels.raw.get((value, value, value) if labels.encoding == "color" else value, labels.ignore)
    if target != labels.ignore:
        raise InputError(
            f"{path} says that {nodata:g} means no data, but in dataset.yaml it is the class '{labels.names[target]}';"
            f" write `rasters: {{nodata: label}}` if it is that class, or give the class another label"
        )
