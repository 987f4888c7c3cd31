"""Shapes and attributes of vector files of several kinds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vector_files import LEFT, TOP, UTM, box, pyogrio, shapely, transformed, write_vectors

from encnet.data.geo.vectors import VectorFile, attributes, layers, plain_value, read_shapes
from encnet.system.errors import InputError

SQUARES = [box(0, 0, 30, 30), box(0, 0, 20, 20), box(0, 0, 10, 10)]
"""By falling area."""


def geojson(path: Path, values: list[Any]) -> Path:
    """A GeoJSON of squares whose attribute ``kind`` has these values, written without pyogrio."""
    features = [
        {
            "type": "Feature",
            "properties": {"kind": value},
            "geometry": json.loads(shapely.to_geojson(transformed(shape, UTM, "EPSG:4326"))),
        }
        for shape, value in zip(SQUARES, values, strict=False)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", None, "c"], ("a", None, "c")),
        ([3, 1, 2], (3, 1, 2)),
        ([3, None, 2], (3, None, 2)),
        ([0.5, None, 2.0], (0.5, None, 2)),
        ([True, False, True], ("True", "False", "True")),
        ([True, None, False], ("True", None, "False")),
        (["1", "01", "yes"], ("1", "01", "yes")),
    ],
    ids=str,
)
def test_values_are_those_of_the_file(tmp_path: Path, values: list[Any], expected: tuple[Any, ...]) -> None:
    file = VectorFile(geojson(tmp_path / "a.geojson", values), attribute="kind")
    assert read_shapes(file, UTM).values == expected
    assert [type(value) for value in read_shapes(file, UTM).values] == [type(value) for value in expected]


@pytest.mark.parametrize(
    ("dtype", "values"), [("int16", [7, 8, 9]), ("int64", [2**40, 1, 2]), ("float64", [0.25, 1, 2])]
)
def test_numbers_of_any_size(tmp_path: Path, dtype: str, values: list[Any]) -> None:
    path = write_vectors(tmp_path / "a.gpkg", SQUARES, {"n": values}, dtypes={"n": dtype})
    assert read_shapes(VectorFile(path, attribute="n"), UTM).values == tuple(values)


def test_a_value_of_yaml_equals_that_of_a_file() -> None:
    assert [plain_value(v) for v in (True, 2.0, 2.5, "2", None, float("nan"))] == ["True", 2, 2.5, "2", None, None]


def test_coordinates_are_those_of_the_raster(tmp_path: Path) -> None:
    path = write_vectors(tmp_path / "a.gpkg", SQUARES, crs="EPSG:3035")
    found = read_shapes(VectorFile(path), UTM).geometries
    for shape, expected in zip(found, SQUARES, strict=True):
        assert shape.symmetric_difference(expected).area < 1e-3 * expected.area
    ((left, _, _, top),) = shapely.bounds(found[:1])
    assert left == pytest.approx(LEFT, abs=0.5) and top == pytest.approx(TOP, abs=0.5)


def test_shapes_are_in_the_order_in_which_they_are_drawn(tmp_path: Path) -> None:
    path = write_vectors(tmp_path / "a.gpkg", [SQUARES[i] for i in (2, 0, 1)], {"n": [2, 0, 1]})
    shapes = read_shapes(VectorFile(path, attribute="n"), UTM)
    assert shapes.values == (0, 1, 2)
    assert shapes.features.tolist() == [1, 2, 0]
    assert shapes.in_order(box(25, 25, 26, 26)) == [0]
    assert shapes.in_order(box(0, 0, 5, 5)) == [0, 1, 2]


def test_layers_and_attributes_are_listed(tmp_path: Path) -> None:
    path = write_vectors(tmp_path / "a.gpkg", SQUARES, {"x": [1, 2, 3], "y": ["a", "b", "c"]}, layer="fields")
    write_vectors(path, SQUARES[:1], layer="roads", append=True)
    assert sorted(layers(path)) == ["fields", "roads"]
    assert attributes(VectorFile(path, "fields")) == ["x", "y"]
    assert len(read_shapes(VectorFile(path, "roads"), UTM).values) == 1


def test_tables_without_shapes_are_no_layers(tmp_path: Path) -> None:
    path = write_vectors(tmp_path / "a.gpkg", SQUARES, layer="fields")
    pyogrio.raw.write(path, None, [np.array([1])], ["x"], layer="prices", geometry_type=None, append=True)
    assert layers(path) == ["fields"]
    assert len(read_shapes(VectorFile(path), UTM).values) == 3


@pytest.mark.parametrize(
    ("suffix", "options"), [("gpkg", {}), ("shp", {"kind": "Polygon"}), ("fgb", {"kind": "Polygon"})]
)
def test_files_without_a_coordinate_system_need_one(tmp_path: Path, suffix: str, options: dict[str, Any]) -> None:
    path = write_vectors(tmp_path / f"a.{suffix}", SQUARES, crs=None, **options)
    with pytest.raises(InputError, match=r"does not say its coordinate system; name it in dataset\.yaml") as caught:
        read_shapes(VectorFile(path), UTM)
    assert caught.value.argument == "crs"
    found = read_shapes(VectorFile(path, crs=UTM), UTM).geometries
    assert all(shape.equals(square) for shape, square in zip(found, SQUARES, strict=True))
    with pytest.raises(InputError, match="the coordinate system EPSG:1 is not known"):
        read_shapes(VectorFile(path, crs="EPSG:1"), UTM)


def test_a_coordinate_system_that_the_file_contradicts_is_refused(tmp_path: Path) -> None:
    path = write_vectors(tmp_path / "a.gpkg", SQUARES)
    with pytest.raises(InputError, match=r"says its coordinate system, EPSG:32633, but `rasters\.crs` .* EPSG:4326"):
        read_shapes(VectorFile(path, crs="EPSG:4326"), UTM)
    assert len(read_shapes(VectorFile(path, crs="epsg:32633"), UTM).values) == 3


@pytest.mark.parametrize("suffix", ["gpkg", "geojson"])
def test_a_file_may_be_empty(tmp_path: Path, suffix: str) -> None:
    path = write_vectors(tmp_path / f"a.{suffix}", [], {"x": []}, "EPSG:4326", {"x": object})
    shapes = read_shapes(VectorFile(path), UTM)
    assert shapes.values == () and shapes.empty == 0 and shapes.in_order(box(0, 0, 9, 9)) == []


def test_changed_attributes_of_a_shapefile_are_read_again(tmp_path: Path) -> None:
    """They are in another file than the shapes."""
    path = write_vectors(tmp_path / "a.shp", SQUARES, {"x": ["a", "b", "c"]}, kind="Polygon")
    file = VectorFile(path, attribute="x")
    before = path.stat()
    assert read_shapes(file, UTM).values == ("a", "b", "c")
    write_vectors(tmp_path / "new/a.shp", SQUARES, {"x": ["d", "b", "longer"]}, kind="Polygon")
    (tmp_path / "new/a.dbf").replace(tmp_path / "a.dbf")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read_shapes(file, UTM).values == ("d", "b", "longer")
    assert {part.name for part in file.files} == {"a.shp", "a.dbf", "a.shx", "a.prj", "a.cpg"}


def test_wrong_files_are_named(tmp_path: Path) -> None:
    path = write_vectors(tmp_path / "a.gpkg", SQUARES, {"x": [1, 2, 3]}, layer="fields")
    write_vectors(path, SQUARES, layer="roads", append=True)
    (tmp_path / "broken.gpkg").write_bytes(b"no database")
    for file, message in [
        (VectorFile(path), r"a\.gpkg has 2 layers \(fields, roads\); name one .* `rasters: \{layer: \.\.\.\}`"),
        (VectorFile(path, "rivers"), "has no layer 'rivers'; its layers are fields, roads"),
        (VectorFile(path, "fields", "y"), "has no attribute 'y'; its attributes are x"),
        (VectorFile(path, "roads", "y"), "has no attribute 'y'; its attributes are none"),
        (VectorFile(tmp_path / "broken.gpkg"), r"cannot read .*broken\.gpkg as a vector file"),
        (VectorFile(tmp_path / "gone.gpkg"), r"there is no file .*gone\.gpkg"),
    ]:
        with pytest.raises(InputError, match=message):
            read_shapes(file, UTM)
