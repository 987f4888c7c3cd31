"""Labels from label rasters on the same grid and on others, against loops over the centres of pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raster_data import dataset, whole
from rasters import rasterio, write_raster
from vector_files import LEFT, PIXEL, TOP, UTM, warp

from encnet.data.geo.raster_labels import grid_of
from encnet.system.errors import InputError

SIZE = (40, 52)
VALUES = np.random.default_rng(0).integers(0, 4, SIZE).astype(np.uint8)
CLASSES = [{"name": f"class {value}", "value": value} for value in range(4)]
Affine = rasterio.Affine
NO_LABEL = 255  # after decoding


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a raster."""
    write_raster(tmp_path / "scene.tif", np.full((*SIZE, 3), 90, np.uint8))
    return tmp_path


def document(classes: list[Any] | None = None, **settings: Any) -> dict[str, Any]:
    outer = {key: settings.pop(key) for key in ("labels", "ignore", "undeclared") if key in settings}
    rasters = {"images": "scene.tif", "labels": "labels.tif", "window": 32, **settings}
    return {"classes": classes or CLASSES, "rasters": rasters, **outer}


def looked_up(values: np.ndarray, transform: Any, crs: str, missing: int) -> np.ndarray:
    """For the centre of each pixel of the raster, the value of the pixel of another grid that it lies in."""
    a, b, c, d, e, f = (~transform)[:6]
    found = np.full(SIZE, missing, np.int64)
    for row, column in np.ndindex(*SIZE):
        x, y = LEFT + PIXEL * (column + 0.5), TOP - PIXEL * (row + 0.5)
        if crs != UTM:
            (x,), (y,) = warp.transform(UTM, crs, [x], [y])
        there, over = int(np.floor(d * x + e * y + f)), int(np.floor(a * x + b * y + c))
        if 0 <= there < values.shape[0] and 0 <= over < values.shape[1]:
            found[row, column] = values[there, over]
    return found


def test_labels_on_the_same_grid(root: Path) -> None:
    path = write_raster(root / "labels.tif", VALUES[..., None])
    assert grid_of(path, root / "scene.tif") == "same"
    np.testing.assert_array_equal(whole(dataset(root, document()), SIZE), VALUES)


@pytest.mark.parametrize(
    ("transform", "shape"),
    [
        (Affine(PIXEL, 0, LEFT + 73, 0, -PIXEL, TOP - 38), (40, 52)),  # shifted, in part beside the raster
        (Affine(3, 0, LEFT + 1, 0, -3, TOP - 1), (140, 175)),  # finer
        (Affine(37, 0, LEFT - 50, 0, -37, TOP + 50), (14, 17)),  # coarser
        (Affine(PIXEL, 0, LEFT, 0, PIXEL, TOP - 400), (40, 52)),  # south-up
    ],
    ids=["shifted", "finer", "coarser", "south_up"],
)
def test_each_pixel_gets_the_label_at_its_centre(root: Path, transform: Any, shape: tuple[int, int]) -> None:
    values = np.random.default_rng(1).integers(0, 4, shape).astype(np.uint8)
    path = write_raster(root / "labels.tif", values[..., None], transform=transform)
    assert grid_of(path, root / "scene.tif") == "placed"
    index = dataset(root, document())
    np.testing.assert_array_equal(whole(index, SIZE), looked_up(values, transform, UTM, NO_LABEL))
    assert any("lies on another grid than its raster" in note for note in index.notes)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3035"])
def test_labels_of_another_coordinate_system(root: Path, crs: str) -> None:
    xs, ys = warp.transform(UTM, crs, [LEFT + 100, LEFT + 520], [TOP, TOP - 500])
    pixel = (xs[1] - xs[0]) / 12
    transform = Affine(pixel, 0, xs[0], 0, -abs(ys[1] - ys[0]) / 12, ys[0])
    values = np.random.default_rng(2).integers(0, 4, (12, 12)).astype(np.uint8)
    write_raster(root / "labels.tif", values[..., None], crs=crs, transform=transform)
    expected = looked_up(values, transform, crs, NO_LABEL)
    assert 0.1 < (expected == NO_LABEL).mean() < 0.6
    found = whole(dataset(root, document()), SIZE)
    assert (found != expected).mean() < 0.01  # GDAL approximates transforms by an eighth of a pixel


@pytest.mark.parametrize("shift", [0, 20], ids=["same", "placed"])
def test_pixels_without_data_have_no_label(root: Path, shift: int) -> None:
    values = np.where(VALUES == 3, -9999, VALUES.astype(np.int16))
    transform = Affine(PIXEL, 0, LEFT + shift, 0, -PIXEL, TOP)
    write_raster(root / "labels.tif", values[..., None], nodata=-9999, transform=transform)
    expected = looked_up(np.where(values < 0, NO_LABEL, values), transform, UTM, NO_LABEL)
    np.testing.assert_array_equal(whole(dataset(root, document(CLASSES[:3])), SIZE), expected)


@pytest.mark.parametrize("shift", [0, 20], ids=["same", "placed"])
def test_nodata_may_be_a_class(root: Path, shift: int) -> None:
    transform = Affine(PIXEL, 0, LEFT + shift, 0, -PIXEL, TOP)
    path = write_raster(root / "labels.tif", VALUES[..., None], nodata=0, transform=transform)
    message = "says that 0 means no data, but in dataset.yaml it is the class 'class 0'; write `rasters: {nodata: label"
    with pytest.raises(InputError, match=message):
        dataset(root, document())
    expected = looked_up(VALUES, transform, UTM, NO_LABEL)
    np.testing.assert_array_equal(whole(dataset(root, document(nodata="label")), SIZE), expected)
    others = [{**each, "value": each["value"] + 10} for each in CLASSES]  # the other way out of the message
    write_raster(path, VALUES[..., None] + np.uint8(10), nodata=0, transform=transform)
    np.testing.assert_array_equal(whole(dataset(root, document(others)), SIZE), expected)


@pytest.mark.parametrize("nodata", [float("nan"), float("inf"), 0.5])
def test_a_nodata_value_that_no_class_can_have(root: Path, nodata: float) -> None:
    values = np.where(VALUES == 3, nodata, VALUES).astype(np.float32)
    write_raster(root / "labels.tif", values[..., None], nodata=nodata)
    expected = np.where(VALUES == 3, NO_LABEL, VALUES)
    np.testing.assert_array_equal(whole(dataset(root, document(CLASSES[:3])), SIZE), expected)


@pytest.mark.parametrize("shift", [0, 20], ids=["same", "placed"])
@pytest.mark.parametrize("nodata", [None, 0, 7])
def test_labels_by_colour(root: Path, nodata: int | None, shift: int) -> None:
    """Zeros in single bands of a colour are data, where zero is nodata."""
    palette = np.array([(0, 128, 0), (255, 0, 0), (0, 0, 200), (9, 9, 9)], np.uint8)
    transform = Affine(PIXEL, 0, LEFT + shift, 0, -PIXEL, TOP)
    pixels = palette[VALUES]
    if nodata is not None:
        pixels[VALUES == 3] = nodata
    write_raster(root / "labels.tif", pixels, nodata=nodata, transform=transform)
    number = 4 if nodata is None else 3
    classes = [{"name": f"class {i}", "color": palette[i].tolist()} for i in range(number)]
    values = np.where(number <= VALUES, NO_LABEL, VALUES)
    found = whole(dataset(root, document(classes, labels="color")), SIZE)
    np.testing.assert_array_equal(found, looked_up(values, transform, UTM, NO_LABEL))


def test_nodata_may_be_the_colour_of_a_class(root: Path) -> None:
    palette = np.array([(0, 0, 0), (255, 0, 0), (0, 0, 200), (9, 9, 9)], np.uint8)
    write_raster(root / "labels.tif", palette[VALUES], nodata=0)
    classes = [{"name": f"class {i}", "color": palette[i].tolist()} for i in range(4)]
    with pytest.raises(InputError, match=r"says that 0 means no data, but in dataset\.yaml it is the class 'class 0'"):
        dataset(root, document(classes, labels="color"))
    index = dataset(root, document(classes, labels="color", nodata="label"))
    np.testing.assert_array_equal(whole(index, SIZE), VALUES)


def test_whole_numbers_may_be_stored_as_floats(root: Path) -> None:
    write_raster(root / "labels.tif", VALUES[..., None].astype(np.float32))
    np.testing.assert_array_equal(whole(dataset(root, document()), SIZE), VALUES)


@pytest.mark.parametrize(
    ("dtype", "value", "text"),
    [("int16", -1, "-1"), ("float32", 1.5, "1.5"), ("float32", np.nan, "nan"), ("int32", 70000, "70000")],
)
def test_other_numbers_are_no_labels(root: Path, dtype: str, value: float, text: str) -> None:
    values = VALUES.astype(dtype)
    values[3, 4] = value
    path = write_raster(root / "labels.tif", values[..., None])
    with pytest.raises(InputError, match=rf"labels\.tif holds {text} in the window .* write other pixels as nodata"):
        dataset(root, document())
    write_raster(path, values[..., None], nodata=value)  # the way out of the message
    if value != 1.5:
        expected = VALUES.astype(np.int64)
        expected[3, 4] = NO_LABEL
        np.testing.assert_array_equal(whole(dataset(root, document()), SIZE), expected)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_without_georeference_pixels_correspond_by_row_and_column(root: Path) -> None:
    plain: dict[str, Any] = {"crs": None, "transform": Affine.identity()}
    path = write_raster(root / "labels.tif", VALUES[..., None], **plain)
    assert grid_of(path, root / "scene.tif") == "unplaced"
    index = dataset(root, document())
    np.testing.assert_array_equal(whole(index, SIZE), VALUES)
    assert any("has no coordinate system, or its raster has none; pixels corr" in note for note in index.notes)
    write_raster(path, VALUES[:30, :, None], **plain)
    with pytest.raises(InputError, match=r"labels\.tif has 52 x 30 pixels and .*scene\.tif has 52 x 40, and .*labels"):
        dataset(root, document())


def test_65535_is_no_label_only_if_it_is_ignored_by_name(root: Path) -> None:
    values = np.where(VALUES == 3, np.uint16(65535), VALUES)
    write_raster(root / "labels.tif", values[..., None])
    with pytest.raises(InputError, match=r"holds the label 65535, .*; list it under `ignore` in dataset.yaml"):
        dataset(root, document(CLASSES[:3]))
    expected = np.where(VALUES == 3, NO_LABEL, VALUES)
    index = dataset(root, document(CLASSES[:3], ignore=[65535]))
    np.testing.assert_array_equal(whole(index, SIZE), expected)
    with pytest.raises(InputError, match="the class 'x' has the label 65535, which says that there is none"):
        dataset(root, document([*CLASSES, {"name": "x", "value": 65535}]))


def test_a_key_without_effect_is_noted(root: Path) -> None:
    write_raster(root / "labels.tif", VALUES[..., None])
    notes = [note for note in dataset(root, document(nodata="label")).notes if "no effect" in note]
    assert len(notes) == 1 and "labels.tif (1 label raster without a nodata value)" in notes[0]


def test_a_mask_in_the_file_says_where_there_are_labels(root: Path) -> None:
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = write_raster(root / "labels.tif", VALUES[..., None])
        with rasterio.open(path, "r+") as target:
            target.write_mask(VALUES != 2)
    expected = np.where(VALUES == 2, NO_LABEL, VALUES)
    np.testing.assert_array_equal(whole(dataset(root, document()), SIZE), expected)


@pytest.mark.parametrize(
    ("options", "lossy"),
    [
        ({"compress": "JPEG"}, True),
        ({"compress": "LERC", "MAX_Z_ERROR": 2}, True),
        ({"compress": "LERC"}, False),
        ({"driver": "JP2OpenJPEG"}, True),
        ({"driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": 100}, False),
        ({"compress": "DEFLATE"}, False),
    ],
)
def test_labels_that_losses_have_changed_are_refused(root: Path, options: dict[str, Any], lossy: bool) -> None:
    write_raster(root / "labels.tif", VALUES[..., None], **options)
    if lossy:
        with pytest.raises(InputError, match=r"labels\.tif is compressed with losses"):
            dataset(root, document())
    else:
        np.testing.assert_array_equal(whole(dataset(root, document()), SIZE), VALUES)


def test_lossy_colours_are_refused(root: Path) -> None:
    write_raster(root / "labels.tif", np.zeros((*SIZE, 3), np.uint8), compress="WEBP")
    classes = [{"name": "class", "color": [0, 0, 0]}]
    with pytest.raises(InputError, match=r"labels\.tif is compressed with losses"):
        dataset(root, document(classes, labels="color"))
