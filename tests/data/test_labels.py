from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from encnet.data.labels import IGNORE, LabelSet
from encnet.data.palette import Color, distinct_palette
from encnet.data.raw_labels import pack_color, unpack_color
from encnet.system.errors import InputError

VALUES = st.one_of(st.integers(0, 12), st.integers(0, 65535))
COLORS = st.tuples(*[st.sampled_from([0, 1, 64, 128, 255])] * 3)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)


@st.composite
def label_sets(draw: st.DrawFn, encoding: Any) -> LabelSet:
    """Label sets of 1 to 12 classes, with or without a class for undeclared labels."""
    count = draw(st.integers(1, 12))
    targets = st.one_of(st.integers(0, count - 1), st.just(IGNORE))
    raw = draw(st.dictionaries(VALUES if encoding == "value" else COLORS, targets, max_size=20))
    undeclared = draw(st.none() | st.integers(0, count - 1))
    return LabelSet(tuple(f"c{i}" for i in range(count)), distinct_palette(count), encoding, raw, undeclared)


def check_decode(labels: LabelSet, raw: np.ndarray, unpacked: list[int] | list[Color]) -> None:
    """Compares ``decode`` with the table, pixel by pixel; ``unpacked`` lists the labels in ``raw``."""
    expected = [labels.raw.get(label, labels.undeclared) for label in unpacked]
    missing = Counter(label for label in unpacked if label not in labels.raw)
    assert labels.undeclared_values(raw) == missing
    if None in expected:
        with pytest.raises(InputError, match=r"map\.png .*declare each as a class in dataset\.yaml"):
            labels.decode(raw, "map.png")
    else:
        decoded = labels.decode(raw, "map.png")
        assert decoded.dtype == np.uint8
        assert decoded.shape == raw.shape
        assert decoded.ravel().tolist() == expected


@given(label_sets("value"), hnp.arrays(np.int32, SHAPES, elements=VALUES))
def test_decode_values_is_a_look_up_of_every_pixel(labels: LabelSet, raw: np.ndarray) -> None:
    check_decode(labels, raw, raw.ravel().tolist())


@given(label_sets("color"), hnp.arrays(np.int32, SHAPES, elements=COLORS.map(pack_color)))
def test_decode_colors_is_a_look_up_of_every_pixel(labels: LabelSet, raw: np.ndarray) -> None:
    check_decode(labels, raw, [unpack_color(packed) for packed in raw.ravel().tolist()])


BYTES = hnp.arrays(np.uint8, SHAPES, elements=st.integers(0, 12) | st.integers(0, 255))


def check_load(labels: LabelSet, image: Image.Image, unpacked: list[Any], path: Path) -> None:
    """Compares the label map loaded from a file with the table, pixel by pixel."""
    image.save(path)
    expected = [labels.raw.get(label, labels.undeclared) for label in unpacked]
    if None in expected:
        with pytest.raises(InputError, match=r"map\.png .*declare each as a class in dataset\.yaml"):
            labels.load(path)
    else:
        loaded = labels.load(path)
        assert loaded.dtype == np.uint8
        assert loaded.shape == (image.height, image.width)
        assert loaded.flags.writeable  # as PyTorch requires
        assert loaded.ravel().tolist() == expected


@settings(deadline=None)
@given(labels=label_sets("value"), raw=BYTES, mode=st.sampled_from(["L", "P", "LA"]))
def test_loading_values_is_a_look_up_of_every_pixel(
    tmp_path_factory: pytest.TempPathFactory, labels: LabelSet, raw: np.ndarray, mode: str
) -> None:
    image = Image.fromarray(np.stack([raw, raw // 2], axis=2) if mode == "LA" else raw, mode)
    if mode == "P":
        image.putpalette(bytes(range(256)) * 3)
    check_load(labels, image, raw.ravel().tolist(), tmp_path_factory.getbasetemp() / "map.png")


@settings(deadline=None)
@given(
    labels=label_sets("color"),
    raw=BYTES,
    palette=st.lists(COLORS, min_size=256, max_size=256),
    mode=st.sampled_from(["P", "RGB", "RGBA"]),
)
def test_loading_colors_is_a_look_up_of_every_pixel(
    tmp_path_factory: pytest.TempPathFactory, labels: LabelSet, raw: np.ndarray, palette: list[Color], mode: str
) -> None:
    image = Image.fromarray(raw, "P")
    image.putpalette(np.array(palette, dtype=np.uint8).tobytes())
    colors = [palette[value] for value in raw.ravel().tolist()]
    check_load(labels, image.convert(mode), colors, tmp_path_factory.getbasetemp() / "map.png")


def test_large_maps_are_decoded_to_their_last_pixel(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 1000, (1100, 301)).astype(np.uint16)
    labels = LabelSet(("even", "odd"), distinct_palette(2), "value", {value: value % 2 for value in range(1000)})
    Image.fromarray(values).save(tmp_path / "map.png")
    np.testing.assert_array_equal(labels.load(tmp_path / "map.png"), values % 2)
    values[-1, -1] = 1000
    Image.fromarray(values).save(tmp_path / "map.png")
    with pytest.raises(InputError, match=r"undeclared value 1000 \(1 pixel\)"):
        labels.load(tmp_path / "map.png")


def any_values(levels: int) -> LabelSet:
    return LabelSet(("any",), distinct_palette(1), "value", dict.fromkeys(range(levels), 0))


ANY_COLOR = LabelSet(("any",), distinct_palette(1), "color", {}, undeclared=0)


@pytest.mark.parametrize(
    ("levels", "dtype"), [(256, np.uint8), (65536, np.uint16), (2, np.bool_)], ids=["8 bit", "16 bit", "1 bit"]
)
def test_grey_maps_are_read_by_value(tmp_path: Path, levels: int, dtype: Any) -> None:
    values = np.random.default_rng(levels).integers(0, levels, (7, 9))
    Image.fromarray(values.astype(dtype)).save(tmp_path / "a.png")
    raw = any_values(levels).read(tmp_path / "a.png")
    assert raw.dtype == np.int32
    np.testing.assert_array_equal(raw, values)


def test_a_grey_map_with_transparency_is_read_by_value(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (3, 4, 2), dtype=np.uint8)
    Image.fromarray(values, "LA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(any_values(256).read(tmp_path / "a.png"), values[..., 0])


@pytest.mark.parametrize("palette_size", [3, 16, 256])
def test_palette_maps_are_read_by_index_or_by_color(tmp_path: Path, palette_size: int) -> None:
    rng = np.random.default_rng(palette_size)
    colors = rng.integers(0, 256, (palette_size, 3))
    indices = rng.integers(0, palette_size, (6, 5), dtype=np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette(colors.ravel().tolist())
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(any_values(256).read(tmp_path / "a.png"), indices)
    raw = ANY_COLOR.read(tmp_path / "a.png")
    assert [list(unpack_color(packed)) for packed in raw.ravel().tolist()] == colors[indices.ravel()].tolist()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_color_maps_are_read_by_color(tmp_path: Path, mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, len(mode)), dtype=np.uint8)
    Image.fromarray(pixels, mode).save(tmp_path / "a.png")
    raw = ANY_COLOR.read(tmp_path / "a.png")
    assert raw.dtype == np.int32
    assert [list(unpack_color(packed)) for packed in raw.ravel().tolist()] == pixels[..., :3].reshape(-1, 3).tolist()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_color_map_is_an_error_if_classes_are_declared_by_value(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (3, 3), "red").save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png is a RGBA? image, .*`labels: color`"):
        any_values(3).load(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_a_grey_map_is_an_error_if_classes_are_declared_by_color(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (3, 3)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png is a grey image .*`labels: value`"):
        ANY_COLOR.load(tmp_path / "a.png")


def test_a_label_map_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is on the right
    stored = np.arange(6, dtype=np.uint8).reshape(2, 3)
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(any_values(6).read(tmp_path / "a.png"), np.rot90(stored, -1))


def test_the_error_names_file_values_and_pixels(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 7, 7], [9, 255, 0]], dtype=np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png has undeclared values 7 \(2 pixels\), 9 \(1 pixel\); declare"):
        LabelSet.plain(["only"]).load(tmp_path / "a.png")


def test_the_error_does_not_list_hundreds_of_values() -> None:
    raw = np.arange(1, 201, dtype=np.int32)[None]
    with pytest.raises(InputError, match=r"5 \(1 pixel\) and 195 more;"):
        LabelSet.plain(["only"]).decode(raw, "a.png")


def test_a_plain_label_set_maps_values_to_themselves_and_255_to_ignored() -> None:
    labels = LabelSet.plain(["sky", "road"])
    assert labels.num_classes == 2
    assert labels.palette == distinct_palette(2)
    assert labels.raw == {0: 0, 1: 1, 255: IGNORE}
    assert LabelSet.plain(["sky"], [(1, 2, 3)]).palette == ((1, 2, 3),)


def test_the_look_up_table_is_not_sent_to_other_processes() -> None:
    labels = LabelSet(("a",), ((0, 0, 0),), "color", {(1, 2, 3): 0})
    raw = np.full((2, 2), 0x010203, dtype=np.int32)
    decoded = labels.decode(raw, "a.png")
    sent = pickle.dumps(labels)
    assert len(sent) < 1000
    received = pickle.loads(sent)
    assert received == labels
    np.testing.assert_array_equal(received.decode(raw, "a.png"), decoded)


@given(label_sets("value") | label_sets("color"))
def test_the_table_has_a_line_for_every_raw_label(labels: LabelSet) -> None:
    _, *lines, other = labels.table().splitlines()
    assert len(lines) == len(labels.raw)
    for (raw, target), line in zip(labels.raw.items(), lines, strict=True):
        left, right = line.split(" -> ")
        assert left.strip() == str(raw)
        assert right == "ignored" if target == IGNORE else right.startswith(f"{target} {labels.names[target]} (")
    assert other.split(" -> ")[1].split()[0] == ("error" if labels.undeclared is None else str(labels.undeclared))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": (), "palette": ()}, "1 to 65535 classes, not 0"),
        ({"names": tuple(map(str, range(65536)))}, "1 to 65535 classes, not 65536"),
        ({"names": ("a", "a")}, "two classes have the name 'a'"),
        ({"palette": ((0, 0, 0),)}, "2 classes need as many palette colours, not 1"),
        ({"palette": ((0, 0, 0), (0, 0, 256))}, r"\(0, 0, 256\) is not three integers"),
        ({"raw": {65536: 0}}, "the raw label 65536 is not a value"),
        ({"raw": {(1, 2, 3): 0}}, r"the raw label \(1, 2, 3\) is not a value"),
        ({"raw": {1: 0}, "encoding": "color"}, "the raw label 1 is not a colour"),
        ({"raw": {1: 2}}, "the raw label 1 is of class 2, but there are 2"),
        ({"undeclared": 2}, "undeclared labels are of class 2, but there are 2"),
    ],
)
def test_contradictory_arguments_are_errors(change: dict[str, Any], message: str) -> None:
    valid: dict[str, Any] = {
        "names": ("a", "b"), "palette": distinct_palette(2), "encoding": "value", "raw": {0: 0, 1: 1}
    }  # fmt: skip
    LabelSet(**valid)
    with pytest.raises(InputError, match=message):
        LabelSet(**valid | change)


@pytest.mark.parametrize("value", [-1, 70000])
@pytest.mark.parametrize("undeclared", [None, 0, IGNORE])
def test_a_value_beyond_16_bits_is_an_error(tmp_path: Path, value: int, undeclared: int | None) -> None:
    Image.fromarray(np.array([[0, 1], [value, 1]], np.int32)).save(tmp_path / "a.tif")
    labels = LabelSet(("a", "b"), distinct_palette(2), "value", {0: 0, 1: 1}, undeclared)
    for read in (labels.read, labels.load):
        with pytest.raises(InputError, match=rf"a\.tif holds the value {value}, but values are .* 0 to 65535"):
            read(tmp_path / "a.tif")
