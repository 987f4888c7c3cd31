"""Labels drawn from shapes, against loops over the centres of pixels with shapely."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raster_data import dataset, whole
from rasters import rasterio, write_raster
from vector_files import LEFT, PIXEL, TOP, UTM, box, labels_by_loops, shapely, transformed, warp, write_vectors

SIZE = (40, 52)
Affine = rasterio.Affine
NORTH_UP = Affine(PIXEL, 0, LEFT, 0, -PIXEL, TOP)
TRANSFORMS: dict[str, Any] = {
    "north_up": NORTH_UP,
    "south_up": Affine(PIXEL, 0, LEFT, 0, PIXEL, TOP - PIXEL * SIZE[0]),
    "rotated": Affine(6.3, 2.5, LEFT, 2.9, -5.4, TOP - 100),
    "sheared": Affine(PIXEL, 1.7, LEFT, -0.9, -PIXEL, TOP),
}


def random_shapes(seed: int, number: int = 7) -> list[Any]:
    """Triangles, polygons with holes, and multipolygons, at random around the raster."""
    rng = np.random.default_rng(seed)
    shapes: list[Any] = []
    for i in range(number):
        row, column = rng.uniform(-5, 45), rng.uniform(-5, 55)
        center = (LEFT + PIXEL * column, TOP - PIXEL * row)
        radius = PIXEL * rng.uniform(4, 16)
        angles = np.sort(rng.uniform(0, 2 * np.pi, 3 + i))
        ring = np.column_stack([center[0] + radius * np.cos(angles), center[1] + radius * np.sin(angles)])
        shape = shapely.Polygon(ring)
        if i % 3 == 1:
            shape = shape.difference(shapely.Point(center).buffer(radius / 3))
        elif i % 3 == 2:
            shape = shapely.union_all([shape, shapely.affinity.translate(shape, 3 * radius, radius)])
        if not shape.is_empty:
            shapes.append(shape)
    return shapes


def write_scene(root: Path, transform: Any = NORTH_UP, crs: str = UTM) -> None:
    pixels = np.full((*SIZE, 3), 90, np.uint8)
    write_raster(root / "scene.tif", pixels, transform=transform, crs=crs)


def document(labels: str, classes: list[Any], **rasters: Any) -> dict[str, Any]:
    settings = {"images": "scene.tif", "labels": labels, "window": 32, "outside": "ignore", **rasters}
    return {"classes": [{"name": c} if isinstance(c, str) else c for c in classes], "rasters": settings}


@pytest.mark.parametrize("crs", [UTM, "EPSG:4326", "EPSG:3035"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_pixels_get_the_class_of_the_smallest_shape_around_their_centre(tmp_path: Path, name: str, crs: str) -> None:
    transform = TRANSFORMS[name]
    write_scene(tmp_path, transform)
    shapes = random_shapes(3)
    classes = ["a", "b", "c"]
    of = [i % 3 for i in range(len(shapes))]
    write_vectors(tmp_path / "shapes.gpkg", shapes, {"kind": [classes[c] for c in of]}, crs)
    index = dataset(tmp_path, document("shapes.gpkg", classes, attribute="kind"))
    expected = labels_by_loops(list(zip(shapes, of, strict=True)), transform, SIZE, 255)
    assert len(np.unique(expected)) == 4
    found = whole(index, SIZE)
    if crs == UTM:
        np.testing.assert_array_equal(found, expected)
    else:  # straight lines are curved in the other system, by far less than a pixel
        assert (found != expected).mean() < 0.002


def test_shapes_lie_right_on_a_raster_in_degrees(tmp_path: Path) -> None:
    transform = Affine(0.0001, 0, 15.0, 0, -0.0001, 52.3)
    write_scene(tmp_path, transform, "EPSG:4326")
    center = transformed(shapely.Point(15.0026, 52.298), "EPSG:4326", UTM)
    shapes = [center.buffer(80), center.buffer(30)]
    write_vectors(tmp_path / "shapes.shp", shapes, {"kind": ["a", "b"]}, kind="Polygon")
    index = dataset(tmp_path, document("shapes.shp", ["a", "b"], attribute="kind"))
    there = [(transformed(shape, UTM, "EPSG:4326"), label) for label, shape in enumerate(shapes)]
    expected = labels_by_loops(there, transform, SIZE, 255)
    assert len(np.unique(expected)) == 3
    assert (whole(index, SIZE) != expected).mean() < 0.002


def test_a_long_straight_line_of_another_system_is_followed(tmp_path: Path) -> None:
    """A border of constant latitude is a straight line in degrees, and a curve of kilometres in UTM."""
    write_scene(tmp_path)
    middle = warp.transform(UTM, "EPSG:4326", [LEFT + 260], [TOP - 200])[1][0]
    degrees = shapely.box(9, middle, 21, 54)
    text = '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": %s}]}'
    (tmp_path / "a.geojson").write_text(text % shapely.to_geojson(degrees))
    index = dataset(tmp_path, document("a.geojson", ["a", "b"], outside="b"))
    expected = np.ones(SIZE)
    for row, column in np.ndindex(*SIZE):
        _, latitude = warp.transform(UTM, "EPSG:4326", [LEFT + PIXEL * (column + 0.5)], [TOP - PIXEL * (row + 0.5)])
        expected[row, column] = 0 if latitude[0] > middle else 1
    assert 0.4 < (expected == 0).mean() < 0.6
    assert (whole(index, SIZE) != expected).mean() < 0.05


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp", "fgb"])
def test_files_of_every_kind_give_the_same_labels(tmp_path: Path, suffix: str) -> None:
    write_scene(tmp_path)
    shapes = [box(2, 3, 30, 40), box(10, 12, 20, 25), box(15, 20, 24, 30)]
    crs = "EPSG:4326" if suffix == "geojson" else UTM
    write_vectors(tmp_path / f"s.{suffix}", shapes, {"kind": ["a", "b", "c"]}, crs, kind="Polygon")
    index = dataset(tmp_path, document(f"s.{suffix}", ["a", "b", "c"], attribute="kind"))
    expected = labels_by_loops(list(zip(shapes, range(3), strict=True)), NORTH_UP, SIZE, 255)
    np.testing.assert_array_equal(whole(index, SIZE), expected)


def test_of_equally_large_shapes_the_last_one_counts(tmp_path: Path) -> None:
    write_scene(tmp_path)
    shapes = [box(0, 0, 20, 20), box(10, 10, 30, 30), box(5, 5, 25, 25)]
    write_vectors(tmp_path / "s.gpkg", shapes, {"kind": ["a", "b", "c"]})
    index = dataset(tmp_path, document("s.gpkg", ["a", "b", "c"], attribute="kind"))
    labels = whole(index, SIZE)
    assert [labels[2, 2], labels[28, 28], labels[12, 12], labels[7, 7]] == [0, 1, 2, 2]


def test_heights_are_dropped_and_features_without_a_shape_are_counted(tmp_path: Path) -> None:
    write_scene(tmp_path)
    flat = box(5, 5, 25, 35)
    high = shapely.force_3d(flat, 120.0)
    assert high.has_z
    write_vectors(
        tmp_path / "s.gpkg", [None, high, shapely.Polygon()], {"kind": ["b", "a", "nonsense"]}, kind="Unknown"
    )
    index = dataset(tmp_path, document("s.gpkg", ["a", "b"], attribute="kind"))
    np.testing.assert_array_equal(whole(index, SIZE), labels_by_loops([(flat, 0)], NORTH_UP, SIZE, 255))
    assert any(note == f"left out: 2 features of {tmp_path / 's.gpkg'} without a shape" for note in index.notes)


def test_pixels_in_no_shape_are_of_the_class_outside(tmp_path: Path) -> None:
    write_scene(tmp_path)
    shape = shapely.Point(LEFT + 260, TOP - 200).buffer(120)
    write_vectors(tmp_path / "s.gpkg", [shape])
    index = dataset(tmp_path, document("s.gpkg", ["ground", "tree"], outside="ground"))
    np.testing.assert_array_equal(whole(index, SIZE), labels_by_loops([(shape, 1)], NORTH_UP, SIZE, 0))


def test_lines_and_points_are_a_pixel_wide(tmp_path: Path) -> None:
    write_scene(tmp_path)
    line = shapely.LineString([(LEFT + 5, TOP - 105), (LEFT + 515, TOP - 105)])
    point = shapely.Point(LEFT + 255, TOP - 305)
    write_vectors(tmp_path / "s.gpkg", [line, point])
    labels = whole(dataset(tmp_path, document("s.gpkg", ["path"])), SIZE)
    assert (labels[10] == 0).all() and labels[30, 25] == 0 and (labels == 0).sum() == SIZE[1] + 1


def test_windows_read_alone_what_the_whole_raster_has(tmp_path: Path) -> None:
    """Windows of every place, as training moves them, not only those of the grid."""
    write_scene(tmp_path, TRANSFORMS["rotated"])
    shapes = random_shapes(5)
    write_vectors(tmp_path / "s.gpkg", shapes)
    index = dataset(tmp_path, document("s.gpkg", ["a"]))
    expected = labels_by_loops([(shape, 0) for shape in shapes], TRANSFORMS["rotated"], SIZE, 65535)
    label: Any = index.split("train")[0].label
    rng = np.random.default_rng(0)
    for _ in range(10):
        top, left = int(rng.integers(0, 30)), int(rng.integers(0, 40))
        window = label.window.__class__(label.window.raster, label.window.rectangle.__class__(top, left, 10, 12))
        np.testing.assert_array_equal(label.at(window).values(), expected[top : top + 10, left : left + 12])


@pytest.mark.parametrize(
    ("shapes", "share"),
    [
        (lambda: [box(0, 0, 20, 20), box(0, 20, 20, 40)], None),  # neighbours
        (lambda: [box(0, 0, 20, 20), box(10, 10, 20, 20)], 0.25),  # one in another
        (lambda: [box(0, 0, 20, 20), box(0, 10, 20, 30)], 1 / 3),
    ],
)
def test_ground_of_two_classes_is_measured(
    tmp_path: Path, shapes: Callable[[], list[Any]], share: float | None
) -> None:
    write_scene(tmp_path)
    write_vectors(tmp_path / "s.gpkg", shapes(), {"kind": ["a", "b"]})
    notes = dataset(tmp_path, document("s.gpkg", ["a", "b"], attribute="kind")).notes
    contested = [note for note in notes if "lie over each other" in note]
    assert bool(contested) == (share is not None)
    if share is not None:
        assert f"({share:.1%})" in contested[0]
    same = document("s.gpkg", [{"name": "one", "value": ["a", "b"]}], attribute="kind")
    assert not any("lie over each other" in note for note in dataset(tmp_path, same).notes)
