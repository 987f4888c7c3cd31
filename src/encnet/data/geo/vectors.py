"""Reads shapes and their attributes from vector files, GeoJSON or GeoPackage for example, in the CRS of a raster."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encnet.data.raster import require_rasterio
from encnet.system.errors import InputError

VECTOR_SUFFIXES: frozenset[str] = frozenset(
    {".gpkg", ".geojson", ".json", ".shp", ".fgb", ".kml", ".gml", ".parquet", ".geoparquet", ".sqlite"}
)
"""Suffixes of vector files."""

_PARTS_OF_FILES: dict[str, tuple[str, ...]] = {  # suffix -> suffixes of the files beside it
    ".shp": (".dbf", ".shx", ".prj", ".cpg"),
    ".gpkg": (".gpkg-wal",),
    ".sqlite": (".sqlite-wal",),
}
_PARTS_OF_A_SIDE = 64  # straight lines become curves in another CRS; a side of this many parts follows them closely

AttributeValue = str | int | float | None
"""The value of an attribute; None is a missing one."""


class VectorFile(NamedTuple):
    """What names shapes: a file, and what is read of it."""

    path: Path  #: the file
    layer: str | None = None  #: its layer; None if it has only one
    attribute: str | None = None  #: the attribute that says the class; None if all shapes are of one class
    crs: str | None = None  #: the coordinate system, if the file does not say it

    def __str__(self) -> str:
        return str(self.path)

    @property
    def files(self) -> tuple[Path, ...]:
        """The file, and those beside it that hold a part of its content: the attributes of a shapefile, for example."""
        suffixes = _PARTS_OF_FILES.get(self.path.suffix.lower(), ())
        beside = [self.path.with_name(self.path.stem + suffix) for suffix in suffixes]
        return (self.path, *(path for path in beside if path.is_file()))


class Shapes(NamedTuple):
    """Shapes and the values of an attribute, by falling area; equally large ones are in the order of the file."""

    geometries: np.ndarray  #: (N,) shapely geometries, without missing and empty ones
    values: tuple[AttributeValue, ...]  #: of each shape
    features: np.ndarray  #: (N,) place of each shape in the file
    empty: int  #: number of features without a shape
    tree: Any  #: spatial index of the geometries

    def in_order(self, outline: Any) -> list[int]:
        """The places of the shapes that meet the bounds of a polygon, in their order."""
        return sorted(self.tree.query(outline).tolist())


def layers(path: Path) -> list[str]:
    """Names of the layers of a vector file.

    Raises:
        InputError: pyogrio is not installed, or the file is missing or no vector file.
    """
    pyogrio = require_geo("pyogrio")
    try:
        return [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    except Exception as error:  # pyogrio has several errors, and GDAL's drivers raise their own
        raise _unreadable(path, error) from error


def attributes(vectors: VectorFile) -> list[str]:
    """Names of the attributes of a layer.

    Raises:
        InputError: as for :func:`read_shapes`.
    """
    return [str(name) for name in _described(vectors)["fields"]]


def read_shapes(vectors: VectorFile, crs: str) -> Shapes:
    """The shapes of a vector file, with coordinates in the coordinate system of a raster.

    Sides of shapes that are transformed are divided first, since a straight line is curved in another system.

    Args:
        vectors: the file, its layer and its attribute.
        crs: the coordinate system, as WKT or as an authority's code, EPSG:32633 for example.

    Raises:
        InputError: pyogrio or shapely is not installed; the file is missing or damaged; or it has no such layer or
            attribute, or no coordinate system.
    """
    try:
        stats = [path.stat() for path in vectors.files]
    except OSError as error:
        raise InputError(f"there is no file {vectors.path}; restore it or correct the path") from error
    return _read_shapes(vectors, crs, tuple((stat.st_size, stat.st_mtime_ns) for stat in stats))


@lru_cache(maxsize=8)
def _read_shapes(vectors: VectorFile, crs: str, stamps: tuple[tuple[int, int], ...]) -> Shapes:
    """:func:`read_shapes`, kept for the next window while its files have these sizes and times."""
    pyogrio, shapely = require_geo("pyogrio"), require_geo("shapely")
    layer = _described(vectors)
    own = layer["crs"] or vectors.crs
    if layer["crs"] and vectors.crs and not _same(layer["crs"], vectors.crs, vectors):
        raise InputError(
            f"{vectors.path} says its coordinate system, {layer['crs']}, but `rasters.crs` in dataset.yaml is"
            f" {vectors.crs}; leave out `crs`, or correct the file, with ogr2ogr -a_srs for example",
            "crs",
        )
    if own is None:
        raise InputError(
            f"{vectors.path} does not say its coordinate system; name it in dataset.yaml, as `rasters: {{crs:"
            " EPSG:4326}`",
            "crs",
        )
    columns = [] if vectors.attribute is None else [vectors.attribute]
    try:
        _, _, codes, fields = pyogrio.raw.read(vectors.path, layer=layer["layer"], columns=columns, force_2d=True)
        geometries = shapely.from_wkb(codes)
    except Exception as error:
        raise _unreadable(vectors.path, error) from error
    there = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    truth = vectors.attribute is not None and layer["dtypes"][layer["fields"].index(vectors.attribute)] == "bool"
    values = [_value(value, truth) for value in fields[0].tolist()] if fields else [None] * len(geometries)
    geometries = geometries[there]
    if not _same(own, crs, vectors):
        geometries = _transformed(geometries, own, crs)
    order = np.argsort(-shapely.area(geometries), kind="stable")
    features = np.flatnonzero(there)[order]
    return Shapes(
        geometries[order],
        tuple(values[place] for place in features),
        features,
        int(np.count_nonzero(~there)),
        shapely.STRtree(geometries[order]),
    )


def _same(own: str, other: str, vectors: VectorFile) -> bool:
    """Whether two texts name the same coordinate system."""
    rasterio = require_rasterio()
    try:
        systems = [rasterio.crs.CRS.from_user_input(text) for text in (own, other)]
    except rasterio.errors.CRSError as error:
        wrong = vectors.crs if vectors.crs else own
        raise InputError(f"{vectors.path}: the coordinate system {wrong} is not known: {error}; correct it") from error
    return systems[0] == systems[1]


def _transformed(geometries: np.ndarray, own: str, crs: str) -> np.ndarray:
    """Geometries in another coordinate system."""
    shapely, warp = require_geo("shapely"), import_module("rasterio.warp")
    bounds = shapely.bounds(geometries)
    longest = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
    areal = longest > 0
    divided = geometries.copy()
    divided[areal] = shapely.segmentize(geometries[areal], longest[areal] / _PARTS_OF_A_SIDE)

    def transform(points: np.ndarray) -> np.ndarray:
        xs, ys = warp.transform(own, crs, points[:, 0], points[:, 1])
        return np.column_stack([xs, ys])

    return shapely.transform(divided, transform)


def _described(vectors: VectorFile) -> dict[str, Any]:
    """The description of a layer: its name, fields, types and coordinate system."""
    path, layer = vectors.path, vectors.layer
    names = layers(path)
    listed = ", ".join(names) or "none"
    if layer is None and len(names) != 1:
        raise InputError(
            f"{path} has {len(names)} layers ({listed}); name one in dataset.yaml, as `rasters: {{layer: ...}}`",
            "layer",
        )
    if layer is not None and layer not in names:
        raise InputError(f"{path} has no layer '{layer}'; its layers are {listed}", "layer")
    layer = names[0] if layer is None else layer  # GDAL would also count tables without shapes
    try:
        description = require_geo("pyogrio").read_info(path, layer=layer)
    except Exception as error:
        raise _unreadable(path, error) from error
    fields = [str(name) for name in description["fields"]]
    if vectors.attribute is not None and vectors.attribute not in fields:
        raise InputError(
            f"{path} has no attribute '{vectors.attribute}'; its attributes are {', '.join(fields) or 'none'}",
            "attribute",
        )
    return {**description, "fields": fields, "layer": layer}


def plain_value(value: Any) -> AttributeValue:
    """The value of an attribute as it is compared with those of classes.

    Whole numbers are integers, since missing ones make floats of a column; truth values and dates are text.
    """
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _value(value: Any, truth: bool) -> AttributeValue:
    """The value of an attribute; truth values are read as numbers if some are missing."""
    plain = plain_value(value)
    return plain if plain is None or not truth else str(bool(value))


def require_geo(name: str) -> Any:
    """A module of the extra ``geo``; raises InputError if it is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(f"vectors need {name}, which is not installed; `pip install 'encnet[geo]'`") from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"cannot read {path} as a vector file: {' '.join(str(error).split())}; give a GeoPackage or GeoJSON"
    )
