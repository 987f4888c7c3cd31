"""The key `rasters` of dataset.yaml: each mistake has a message, and what the message proposes succeeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raster_data import dataset, describe, whole, window_of
from rasters import rasterio, write_raster
from vector_files import LEFT, TOP, UTM, box, shapely, write_vectors

from encnet.data.formats import read_dataset
from encnet.system.errors import InputError

SIZE = (64, 96)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two rasters beside each other, shapes on the first one, and labels of both."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "data"
    rng = np.random.default_rng(0)
    for folder in ("scenes", "labels", "scenes16"):
        (root / folder).mkdir(parents=True)
    for name, left in (("a", LEFT), ("b", LEFT + 960)):
        place = {"transform": rasterio.Affine(10, 0, left, 0, -10, TOP)}
        write_raster(root / f"scenes/{name}.tif", rng.integers(0, 255, (*SIZE, 3), np.uint8), **place)
        write_raster(root / f"labels/{name}.tif", rng.integers(0, 2, (*SIZE, 1), np.uint8), **place)
    write_raster(root / "scenes16/a.tif", rng.integers(0, 3000, (*SIZE, 4)).astype(np.uint16))
    shapes = [box(2, 2, 60, 60), box(5, 10, 40, 40), box(20, 20, 55, 90)]
    fields = {"crop": ["wheat", "yes", "10: rye"], "code": [1, 2, 3], "note": ["x", None, "y"]}
    write_vectors(root / "parcels.gpkg", shapes, fields)
    write_vectors(root / "one.gpkg", shapes, {"crop": fields["crop"]})
    write_vectors(root / "codes.gpkg", shapes, {"code": fields["code"]})
    write_vectors(root / "plain.gpkg", shapes)
    write_vectors(root / "unplaced.gpkg", shapes, crs=None)
    write_vectors(root / "elsewhere.gpkg", [box(5000, 5000, 5100, 5100)])
    write_vectors(root / "layers.gpkg", shapes, layer="fields")
    write_vectors(root / "layers.gpkg", shapes[:1], layer="roads", append=True)
    return root


CROPS = 'classes: [{name: wheat}, {name: "yes"}, {name: "10: rye"}]\n'
VECTORS = "rasters: {images: scenes/a.tif, labels: parcels.gpkg, attribute: crop, outside: ignore, window: 32}\n"
VALUES = (
    "classes: [{name: no, value: 0}, {name: yes, value: 1}]".replace("no,", '"no",').replace("yes,", '"yes",') + "\n"
)
MAPS = "rasters: {images: scenes, labels: labels, val: 0.3, window: 32}\n"


def test_rasters_and_labels_are_read_in_windows(root: Path) -> None:
    index = dataset(root, VALUES + MAPS)
    assert set(index.splits) == {"train", "val"} and index.labels.names == ("no", "yes")
    assert all(max(window_of(s).rectangle[2:]) <= 32 for s in index.split("train"))
    assert not index.ledger.left_out


@pytest.mark.parametrize(
    ("text", "message", "mended"),
    [
        (
            CROPS + VECTORS.replace("outside: ignore, ", ""),
            "lacks the key 'outside'; write `outside: ignore`",
            CROPS + VECTORS,
        ),
        (
            CROPS + VECTORS.replace("attribute: crop, ", ""),
            "lacks the key 'attribute', .* are crop, code, note",
            CROPS + VECTORS,
        ),
        (
            CROPS + VECTORS.replace("crop", "crops"),
            "no attribute 'crops'; its attributes are crop, code, note",
            CROPS + VECTORS,
        ),
        (
            "classes: [{name: wheat}]\n" + VECTORS,
            r"'crop' has values that are no class: '(yes|10: rye)' \(1 shapes\), .* `undeclared: ignore`",
            "classes: [{name: wheat}]\nundeclared: ignore\n" + VECTORS,
        ),
        (
            "classes: [{name: wheat}]\n" + VECTORS,
            "declare each in dataset.yaml, as `value:` of a class",
            'classes: [{name: wheat}, {name: other, value: ["yes", "10: rye"]}]\n' + VECTORS,
        ),
        (
            CROPS + VECTORS.replace("crop", "note"),
            r"none \(1 shapes\)",
            "classes: [{name: x}, {name: y}, {name: nothing, value: null}]\n" + VECTORS.replace("crop", "note"),
        ),
        (
            "classes: [{name: a}]\n" + VECTORS.replace("parcels", "unplaced").replace("attribute: crop, ", ""),
            "does not say its coordinate system; name it .* `rasters: {crs: EPSG:4326}`",
            "classes: [{name: a}]\n"
            + VECTORS.replace("parcels", "unplaced").replace("attribute: crop", f"crs: '{UTM}'"),
        ),
        (
            "classes: [{name: a}]\n" + VECTORS.replace("parcels", "layers").replace("attribute: crop, ", ""),
            r"has 2 layers \(fields, roads\); name one in dataset.yaml, as `rasters: {layer: ...}`",
            "classes: [{name: a}]\n" + VECTORS.replace("parcels", "layers").replace("attribute: crop", "layer: fields"),
        ),
        (
            "classes: [{name: a}]\n" + VECTORS.replace("parcels", "elsewhere").replace("attribute: crop, ", ""),
            r"no shape of .*elsewhere\.gpkg \(1 in all\) lies on one of its rasters",
            "classes: [{name: a}]\n" + VECTORS.replace("parcels", "plain").replace("attribute: crop, ", ""),
        ),
        (
            "classes: [{name: a, value: 1}]\n" + VECTORS.replace("attribute: crop, ", ""),
            r"`classes\[0\]\.value` is for the values of an attribute, .* lacks the key 'attribute'; .* are crop, code",
            'classes: [{name: a, value: ["1", wheat, "yes", "10: rye"]}]\n' + VECTORS,
        ),
        (
            "classes: [{name: a}]\nundeclared: ignore\n" + VECTORS.replace("attribute: crop, ", ""),
            "`undeclared` is for the values of an attribute",
            "classes: [{name: a}]\n" + VECTORS.replace("attribute: crop, ", ""),
        ),
        (
            CROPS + "undeclared: barley\n" + VECTORS,
            "`undeclared` is 'barley', which is neither `ignore` nor",
            CROPS + VECTORS,
        ),
        (
            CROPS + VECTORS.replace("ignore", "wood"),
            "`outside` is 'wood', which is neither",
            CROPS + VECTORS.replace("ignore", "wheat"),
        ),
        ("classes: [{name: a}, {name: a}]\n" + VECTORS, r"names must differ", CROPS + VECTORS),
        (
            "classes: [{name: a, value: x}, {name: b, value: x}]\n" + VECTORS,
            "has the value 'x', which 'a' has",
            CROPS + VECTORS,
        ),
        ("classes: []\n" + VECTORS, "must have 1 to 65535 entries, not 0", CROPS + VECTORS),
        (
            CROPS + "ignore: [255]\n" + VECTORS,
            "`ignore` is for label rasters, and labels are vectors; leave it out",
            CROPS + VECTORS,
        ),
        (CROPS + "labels: value\n" + VECTORS, "`labels` is for label rasters", CROPS + VECTORS),
        (
            CROPS + VECTORS.replace("window", "nodata: label, window"),
            "`rasters.nodata` is for label rasters",
            CROPS + VECTORS,
        ),
        (CROPS + VECTORS.replace("parcels.gpkg", "gone.gpkg"), r"there is no file .*gone\.gpkg", CROPS + VECTORS),
        (
            MAPS,
            r"`classes` is not given; label rasters need it, as `classes: \[",
            "classes: [{name: water, value: [0, 1]}]\n" + MAPS,
        ),
        (VALUES + MAPS.replace("scenes", "gone"), "there is no raster and no folder", VALUES + MAPS),
        (VALUES + MAPS.replace("scenes", "empty"), "holds no raster .*; name the raster itself", VALUES + MAPS),
        (
            VALUES + MAPS.replace("labels: labels", "labels: gone.tif"),
            r"has no label raster; .*gone\.tif was expected",
            VALUES + MAPS,
        ),
        (
            VALUES + MAPS.replace("labels: labels", "labels: scenes"),
            "as a raster and as its own label raster",
            VALUES + MAPS,
        ),
        (VALUES + MAPS.replace("0.3", "1"), "`rasters.val` must be a share between 0 and 1, not 1", VALUES + MAPS),
        (
            VALUES + MAPS.replace("0.3", "true"),
            "`rasters.val` must be a share between 0 and 1, not True",
            VALUES + MAPS,
        ),
        (
            VALUES + MAPS.replace("0.3", "0.5, test: 0.5"),
            "leave nothing to train on; their sum must be below 1",
            VALUES + MAPS.replace("0.3", "0.3, test: 0.3"),
        ),
        (
            VALUES + MAPS.replace("32", "31"),
            "`rasters.window` must be a number of pixels from 32, not 31",
            VALUES + MAPS,
        ),
        (
            VALUES + MAPS.replace("32", "33.0"),
            "`rasters.window` must be a number of pixels from 32, not 33.0",
            VALUES + MAPS,
        ),
        (VALUES + MAPS.replace("window", "nodata: 0, window"), "`rasters.nodata` must be label, not 0", VALUES + MAPS),
        (
            VALUES + MAPS.replace("window", "attribute: crop, window"),
            "`rasters.attribute` is for vectors, and there are none",
            VALUES + MAPS,
        ),
        (VALUES + MAPS.replace("window", "outside: ignore, window"), "`rasters.outside` is for vectors", VALUES + MAPS),
        (
            VALUES + MAPS.replace("window", "sides"),
            "has the unknown key 'sides'; it may have attribute, crs,",
            VALUES + MAPS,
        ),
        (VALUES + "label_suffix: _gt\n" + MAPS, "`label_suffix` is for photographs, and has no effect", VALUES + MAPS),
        (
            VALUES + "splits: {train: {images: scenes, labels: labels}}\n" + MAPS,
            "leave out one of the two",
            VALUES + MAPS,
        ),
        (VALUES + "splits: [scenes]\nrasters: {window: 32}\n", "`splits` must be a mapping like", VALUES + MAPS),
        (
            VALUES + "rasters: {window: 32}\n",
            "lacks `images`; name the rasters there, or those of each split",
            VALUES + MAPS,
        ),
        (VALUES + "rasters: [scenes]\n", "`rasters` must be a mapping", VALUES + MAPS),
        (
            VALUES + "splits: {train: {images: scenes/a.tif, labels: labels/a.tif}}\nrasters: {window: 32, val: 0.2}\n",
            "`rasters.val` is for `rasters.images`, but `splits` names rasters; leave it out",
            VALUES + "splits: {train: {images: scenes/a.tif, labels: labels/a.tif}}\nrasters: {window: 32}\n",
        ),
        (
            CROPS
            + "splits: {train: {images: scenes/a.tif, labels: parcels.gpkg},"
            + " val: {images: scenes/b.tif, labels: labels}}\n"
            + "rasters: {window: 32, attribute: crop, outside: ignore}\n",
            "`splits.val.labels` are rasters, but other labels are vectors; give labels of one kind",
            CROPS + "splits: {train: {images: scenes/a.tif, labels: parcels.gpkg}}\n"
            "rasters: {window: 32, attribute: crop, outside: ignore}\n",
        ),
        (
            VALUES + MAPS.replace("scenes", "scenes16"),
            r"write into dataset.yaml how to read it, for example `bands: \[1, 2, 3, 4\]` and `value_range: \[",
            VALUES + MAPS.replace("scenes", "scenes16") + "bands: [1, 2, 3, 4]\nvalue_range: [9, 2980]\n",
        ),
    ],
)
def test_a_mistake_has_a_message_and_what_it_proposes_succeeds(
    root: Path, text: str, message: str, mended: str
) -> None:
    (root / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        dataset(root, text)
    index = dataset(root, mended)
    assert sum(map(len, index.splits.values())) > 0


@pytest.mark.parametrize("name", ["one", "codes"])
def test_the_classes_that_a_message_proposes_can_be_copied(root: Path, name: str) -> None:
    """`yes`, `1` and `10: rye` mean something else in YAML without quotes."""
    rasters = f"rasters: {{images: scenes/a.tif, labels: {name}.gpkg, outside: ignore, window: 32}}\n"
    with pytest.raises(InputError, match="`classes` is not given; for the values of the attribute") as caught:
        dataset(root, rasters)
    lines = str(caught.value).split("for example `")[1].split("`")[0]
    attribute = str(caught.value).split("of the attribute '")[1].split("'")[0]
    index = dataset(root, f"{lines}\n{rasters.replace('outside', f'attribute: {attribute}, outside')}")
    assert len(np.unique(whole(index, SIZE)[:, :64])) >= 4
    expected = {"wheat", "yes", "10: rye"} if name == "one" else {"1", "2", "3"}
    assert set(index.labels.names) == expected


def test_of_several_attributes_the_message_lists_the_names(root: Path) -> None:
    with pytest.raises(InputError, match=r"the attribute of .*parcels.gpkg that says the class \(crop, code, note\)"):
        dataset(root, VECTORS.replace("attribute: crop, ", ""))


def test_undeclared_shapes_are_ignored_or_of_a_class(root: Path) -> None:
    text = "classes: [{name: wheat}, {name: other}]\nundeclared: %s\n" + VECTORS
    ignored = whole(dataset(root, text % "ignore"), SIZE)
    assert ignored[10, 12] == 255 and ignored[3, 3] == 0  # a smaller shape of no class lies over wheat
    other = whole(dataset(root, text % "other"), SIZE)
    assert other[10, 12] == 1 and (other == 1).sum() > 1000


def test_a_class_may_have_several_values_of_any_kind(root: Path) -> None:
    text = "classes: [{name: a, value: [1, 3]}, {name: b, value: 2.0}]\n" + VECTORS.replace("crop", "code")
    index = dataset(root, text)
    labels = whole(index, SIZE)
    assert labels[3, 3] == 0 and labels[10, 12] == 1 and labels[50, 80] == 0
    assert "values of the attribute: 1 is a, 3 is a, 2 is b" in index.notes


def test_truth_values_are_written_as_in_yaml(root: Path) -> None:
    write_vectors(root / "t.gpkg", [box(2, 2, 30, 30), box(32, 32, 60, 60)], {"wet": [True, False]})
    text = "classes: [{name: dry, value: false}, {name: wet, value: true}]\n"
    labels = whole(dataset(root, text + VECTORS.replace("parcels", "t").replace("crop", "wet")), SIZE)
    assert labels[10, 10] == 1 and labels[40, 40] == 0


def test_shapes_on_no_raster_are_counted(root: Path) -> None:
    write_vectors(root / "far.gpkg", [box(2, 2, 30, 30), box(500, 500, 510, 510), box(-90, 0, -80, 9)])
    text = "classes: [{name: a}]\n" + VECTORS.replace("parcels", "far").replace("attribute: crop, ", "")
    assert f"on no raster: 2 of 3 shapes of {root / 'far.gpkg'}" in dataset(root, text).notes
    near = shapely.box(LEFT - 500, TOP - 500, LEFT + 2500, TOP)
    write_vectors(root / "far.gpkg", [near])
    both = text.replace("scenes/a.tif", "scenes")
    assert not any("lie on no raster" in note for note in dataset(root, both).notes)


def test_a_raster_without_a_coordinate_system_cannot_have_shapes(root: Path) -> None:
    write_raster(root / "scenes/a.tif", np.full((*SIZE, 3), 9, np.uint8), crs=None)
    with pytest.raises(InputError, match=r"a\.tif has no coordinate system, so that shapes cannot be placed on it"):
        dataset(root, CROPS + VECTORS)


def test_names_of_label_rasters_may_add_to_those_of_rasters(root: Path) -> None:
    expected = whole(dataset(root, VALUES + MAPS.replace("images: scenes", "images: scenes/a.tif")), SIZE)
    for name in ("a", "b"):
        (root / f"labels/{name}.tif").rename(root / f"labels/{name}_label.tif")
    index = dataset(root, VALUES + MAPS)
    assert "names differ: the label map of a.tif is a_label.tif" in index.notes
    of_a = [s for each in index.splits.values() for s in each if window_of(s).raster.name == "a.tif"]
    found = whole(index, SIZE, of_a)
    there = (found >= 0) & (expected >= 0)  # without the gaps
    assert there.mean() > 0.7
    np.testing.assert_array_equal(found[there], expected[there])


def test_a_label_raster_that_is_missing_or_of_no_raster_is_named(root: Path) -> None:
    missing = root / "labels/b.tif"
    missing.rename(root / "labels/c.tif")
    with pytest.raises(InputError, match=r"scenes/b\.tif has no label raster; .*labels/b\.tif was expected"):
        dataset(root, VALUES + MAPS)
    (root / "labels/c.tif").rename(missing)
    index = dataset(root, VALUES + MAPS.replace("images: scenes", "images: scenes/a.tif"))
    assert f"1 of 2 label rasters in {root / 'labels'} are of no raster (b.tif)" in index.notes


def test_one_label_raster_may_cover_all_rasters(root: Path) -> None:
    values = np.random.default_rng(3).integers(0, 2, (SIZE[0], 2 * SIZE[1], 1), np.uint8)
    write_raster(root / "all.tif", values)
    index = dataset(root, VALUES + "splits: {train: {images: scenes, labels: all.tif}}\nrasters: {window: 32}\n")
    for place, name in enumerate(("a.tif", "b.tif")):
        of_one = [s for s in index.split("train") if window_of(s).raster.name == name]
        expected = values[:, SIZE[1] * place : SIZE[1] * (place + 1), 0]
        np.testing.assert_array_equal(whole(index, SIZE, of_one), expected)


def test_changes_of_dataset_yaml_are_seen_though_counts_are_kept(root: Path) -> None:
    """What a window holds is cached; other classes, attributes and files are other counts."""
    split = "classes: [{name: a, value: %s}]\nundeclared: ignore\n" + VECTORS.replace("crop", "code")
    number = [len(dataset(root, split % code).split("train")) for code in (1, 2, 3, 1)]
    assert number == [4, 4, 5, 4]  # the smaller shape 2, of no class, covers the shape 3 in the first window
    with pytest.raises(InputError, match=r"no window .* \(6 in all\) has a pixel with data and a label"):
        dataset(root, split % 9)
    describe(root, split % 1)
    write_vectors(root / "parcels.gpkg", [box(2, 2, 10, 10)], {"code": [1]})
    assert len(read_dataset(root).split("train")) == 1


def test_a_split_may_lack_labels(root: Path) -> None:
    text = "splits: {train: {images: scenes/a.tif, labels: labels/a.tif}, test: {images: scenes/b.tif}}\n"
    index: Any = dataset(root, VALUES + text + "rasters: {window: 32}\n")
    assert len(index.split("test")) == 6 and all(sample.label is None for sample in index.split("test"))
