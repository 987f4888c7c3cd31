"""Scanning: which values and colours are classes is decided by all label maps; what is doubtful is an error, and the
lines that the message gives settle it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_files import low_bits
from PIL import Image

from encnet.data.check import check_dataset
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.data.label_statistics import inspect_label_map
from encnet.data.labels import IGNORE
from encnet.data.palette import distinct_palette
from encnet.system.errors import InputError

SIDE = 40
FILES = 8


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def bands(*values: int, dtype: Any = np.uint8) -> np.ndarray:
    """A map of horizontal bands of equal height."""
    return np.array(values, dtype)[np.arange(SIDE) * len(values) // SIDE][:, None].repeat(SIDE, 1)


def with_pixels(pixels: np.ndarray, value: int, *places: tuple[int, int]) -> np.ndarray:
    changed = pixels.copy()
    for row, column in places:
        changed[row, column] = value
    return changed


def write(root: Path, *maps: Any) -> Path:
    """A data set of these label maps: arrays, or images that are saved as they are."""
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True, exist_ok=True)
    for i, pixels in enumerate(maps):
        image = pixels if isinstance(pixels, (Image.Image, bytes)) else Image.fromarray(np.asarray(pixels))
        path = root / "labels" / f"{i}.png"
        if isinstance(image, bytes):
            path.write_bytes(image)
            with Image.open(path) as opened:
                size = opened.size
        else:
            image.save(path)
            size = image.size
        Image.new("RGB", size, (i, 0, 0)).save(root / "images" / f"{i}.png")
    return root


def read(root: Path, *maps: Any) -> DatasetIndex:
    return read_dataset(write(root, *maps))


def classes(index: DatasetIndex) -> list[str]:
    return [name.removeprefix("class_") for name in index.labels.names]


def loaded(index: DatasetIndex, stem: int | str) -> np.ndarray:
    path = index.root / "labels" / f"{stem}.png"
    return index.labels.load(path)


def palette(pixels: np.ndarray, *colors: tuple[int, int, int]) -> Image.Image:
    image = Image.fromarray(pixels)
    image.putpalette([level for color in colors for level in color])
    return image


ACCEPTED = [
    pytest.param([bands(0, 255)] * FILES, ["0", "255"], False, id="binary mask"),
    pytest.param([bands(0, 255), bands(0), bands(255)], ["0", "255"], False, id="binary mask, files of one value"),
    pytest.param([bands(0, 1)] * FILES, ["0", "1"], False, id="indices of two classes"),
    pytest.param([bands(0, 1, 255)] * FILES, ["0", "1"], True, id="two classes and an ignored border"),
    pytest.param([bands(0, 1, 255)] * 6 + [bands(0, 255)], ["0", "1"], True, id="border beside background only"),
    pytest.param([bands(0, 1, 2, 255)] * FILES, ["0", "1", "2"], True, id="indices and ignored"),
    pytest.param([bands(1, 2, 3)] * FILES, ["1", "2", "3"], False, id="indices from one"),
    pytest.param([bands(1, 2, 255)] * FILES, ["1", "2"], True, id="indices from one and ignored"),
    pytest.param([bands(0, 127, 255)] * FILES, ["0", "127", "255"], False, id="three greys"),
    pytest.param([bands(0, 128, 255)] * FILES, ["0", "128", "255"], False, id="three greys, rounded up"),
    pytest.param([bands(0, 85, 170, 255)] * FILES, ["0", "85", "170", "255"], False, id="four greys"),
    pytest.param([bands(0, 63, 127, 191, 255)] * 3, ["0", "63", "127", "191", "255"], False, id="five greys"),
    pytest.param([bands(0, 50, 100, 150)] * FILES, ["0", "50", "100", "150"], False, id="multiples"),
    pytest.param([bands(7, 11, 26)] * FILES, ["7", "11", "26"], False, id="ids"),
    pytest.param([bands(7, 11, 26, 255)] * FILES, ["7", "11", "26"], True, id="ids and ignored"),
    pytest.param([bands(0, 1, 2, 4, 5, 255)] * FILES, ["0", "1", "2", "4", "5"], True, id="a class is missing"),
    pytest.param([bands(0, 300, 999, dtype=np.uint16)] * 3, ["0", "300", "999"], False, id="16 bits"),
    pytest.param(
        [bands(0, 1, 2)] * 7 + [with_pixels(bands(0, 1, 2), 3, (0, 0))], ["0", "1", "2", "3"], False, id="a rare class"
    ),
]


@pytest.mark.parametrize(("maps", "names", "ignored"), ACCEPTED)
def test_what_is_clear_is_read_and_said(tmp_path: Path, maps: list[Any], names: list[str], ignored: bool) -> None:
    index = read(tmp_path / "data", *maps)
    assert classes(index) == names
    expected = {int(name): position for position, name in enumerate(names)} | ({255: IGNORE} if ignored else {})
    for stem, pixels in enumerate(maps):
        meant = np.vectorize(expected.get)(pixels)
        assert np.array_equal(loaded(index, stem), meant)
    note = index.notes[-1]
    assert ("is ignored" in note) == ignored
    assert check_dataset(index, cache=tmp_path / "cache").problems == ()


DOUBTFUL = [
    pytest.param(
        [bands(0, 255)] * 7 + [with_pixels(bands(0, 255), 1, (39, 39))],
        r"value 1 has only 1 pixel .* row 39, column 39 of .*labels/7\.png",
        {"ignore: [1]": ["0", "255"], "ignore: [255]": ["0", "1"], "ignore: []": ["0", "1", "255"]},
        id="a stray pixel beside a binary mask",
    ),
    pytest.param(
        [bands(0, 85, 170, 255)] * 7 + [with_pixels(bands(0, 85, 170, 255), 86, (3, 4), (30, 2))],
        r"value 86 has only 2 pixels .* row 3, column 4 of .*labels/7\.png",
        {"ignore: [86]": ["0", "85", "170", "255"], "ignore: []": ["0", "85", "86", "170", "255"]},
        id="a stray pixel beside greys",
    ),
    pytest.param(
        [bands(0, 1, 2)] * 7 + [with_pixels(bands(0, 1, 2), 200, (5, 6))],
        r"value 200 has only 1 pixel .* row 5, column 6 of .*labels/7\.png",
        {"ignore: [200]": ["0", "1", "2"], "ignore: []": ["0", "1", "2", "200"]},
        id="a stray pixel beside indices",
    ),
    pytest.param(
        [bands(0, 1, 2, 255)] * 7 + [with_pixels(bands(0, 1, 2, 255), 7, (5, 6))],
        r"value 7 has only 1 pixel .* row 5, column 6 of .*labels/7\.png",
        {
            "ignore: [7, 255]": ["0", "1", "2"],
            "ignore: [255]": ["0", "1", "2", "7"],
            "ignore: []": ["0", "1", "2", "7", "255"],
        },
        id="a stray pixel beside indices and ignored",
    ),
    pytest.param(
        [bands(0, 1)] * 4 + [bands(0, 255)] * 4,
        r"what 255 \(25\.00% of the pixels\) means: .*0\.png has the value 1, and .*4\.png has 255 without it",
        {"ignore: [255]": ["0", "1"], "ignore: []": ["0", "1", "255"]},
        id="two kinds of binary masks",
    ),
    pytest.param(
        [bands(0, 100, 255)] * FILES,
        r"hold the values 0, 100 and 255, and it is not clear what 255 \(\d+\.\d+% of the pixels\) means",
        {"ignore: [255]": ["0", "100"], "ignore: []": ["0", "100", "255"]},
        id="255 beside uneven greys",
    ),
    pytest.param(
        [bands(0, 7, 255)] * FILES,
        r"hold the values 0, 7 and 255, and it is not clear",
        {"ignore: [255]": ["0", "7"], "ignore: []": ["0", "7", "255"]},
        id="255 beside one id",
    ),
    pytest.param(
        [bands(1, 255)] * FILES,
        r"hold the values 1 and 255, and it is not clear",
        {"ignore: [255]": ["1"], "ignore: []": ["1", "255"]},
        id="one class and 255",
    ),
    pytest.param(
        [bands(0, 255, 300, dtype=np.uint16)] * FILES,
        r"it is not clear what 255 .* means: there are others above it",
        {"ignore: [255]": ["0", "300"], "ignore: []": ["0", "255", "300"]},
        id="255 in the middle of 16 bits",
    ),
    pytest.param(
        [bands(0, 1, 2, 65535, dtype=np.uint16)] * FILES,
        r"it is not clear what 65535, white in 16 bits, means",
        {"ignore: [65535]": ["0", "1", "2"], "ignore: []": ["0", "1", "2", "65535"]},
        id="white in 16 bits beside indices",
    ),
]


@pytest.mark.parametrize(("maps", "message", "lines"), DOUBTFUL)
def test_what_is_doubtful_is_an_error_whose_lines_settle_it(
    tmp_path: Path, maps: list[Any], message: str, lines: dict[str, list[str]]
) -> None:
    root = write(tmp_path / "data", *maps)
    with pytest.raises(InputError, match=message) as caught:
        read_dataset(root)
    offered = re.findall(r"`(ignore: \[[^`]*\])`", str(caught.value))
    assert set(offered) == set(lines)
    for line, names in lines.items():
        (root / "dataset.yaml").write_text(line + "\n")
        index = read_dataset(root)
        assert classes(index) == names
        assert check_dataset(index, cache=tmp_path / "cache").problems == ()


def smoothed(*values: int) -> np.ndarray:
    """A map that was made smaller with a bilinear filter."""
    large = np.kron(bands(*values), np.ones((3, 3), np.uint8))
    return np.asarray(Image.fromarray(np.rot90(large).copy()).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def compressed(*values: int) -> np.ndarray:
    """A map that was once a JPEG."""
    import io

    stream = io.BytesIO()
    Image.fromarray(np.kron(bands(*values), np.ones((2, 2), np.uint8))).save(stream, "JPEG", quality=60)
    return np.asarray(Image.open(stream))


def circle(inside: int, outside: int, radius: int = 14) -> np.ndarray:
    """A disc that was drawn large and made smaller, which smooths its edge."""
    y, x = np.mgrid[:160, :160]
    disc = np.where((y - 80) ** 2 + (x - 80) ** 2 < (4 * radius) ** 2, inside, outside).astype(np.uint8)
    return np.asarray(Image.fromarray(disc).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    ("maps", "kept"),
    [
        pytest.param([circle(255, 0, radius) for radius in range(8, 16)], [0, 255], id="smoothed binary"),
        pytest.param([circle(200, 100, radius) for radius in range(8, 16)], [100, 200], id="smoothed greys"),
        pytest.param([circle(255, 0, 9)] + [bands(0, 255)] * 7, [0, 255], id="one smoothed file"),
    ],
)
def test_smoothed_edges_are_an_error_whose_lines_settle_it(tmp_path: Path, maps: list[Any], kept: list[int]) -> None:
    root = write(tmp_path / "data", *maps)
    with pytest.raises(InputError, match=r"only along the edges of areas.*nearest-neighbour") as caught:
        read_dataset(root)
    (root / "dataset.yaml").write_text(str(caught.value).split(":\n", 1)[1] + "\n")
    index = read_dataset(root)
    assert classes(index) == [str(value) for value in kept]
    for stem, pixels in enumerate(maps):
        meant = np.select([pixels == value for value in kept], range(len(kept)), IGNORE)
        assert np.array_equal(loaded(index, stem), meant)


def test_smoothed_colors_are_an_error_whose_lines_settle_it(tmp_path: Path) -> None:
    disc = circle(255, 0)
    maps = [np.stack([disc, 255 - disc, np.zeros_like(disc)], axis=-1)] * 3
    root = write(tmp_path / "data", *maps)
    with pytest.raises(InputError, match="only along the edges") as caught:
        read_dataset(root)
    (root / "dataset.yaml").write_text(str(caught.value).split(":\n", 1)[1] + "\n")
    index = read_dataset(root)
    assert index.labels.palette == ((0, 255, 0), (255, 0, 0))
    assert np.array_equal(loaded(index, 0), np.select([disc == 0, disc == 255], [0, 1], IGNORE))


def test_thin_classes_are_no_smoothing(tmp_path: Path) -> None:
    """A border class of one pixel between two classes, and poles of one pixel, are classes."""
    pixels = bands(0, 2)
    pixels[20] = 1
    pixels[:15, ::9] = 3
    assert classes(read(tmp_path / "data", *[pixels] * 4)) == ["0", "1", "2", "3"]


def test_a_stray_color_is_an_error_whose_lines_settle_it(tmp_path: Path) -> None:
    colors = np.zeros((SIDE, SIDE, 3), np.uint8)
    colors[:20] = (200, 0, 10)
    stray = colors.copy()
    stray[7, 8] = (201, 0, 10)
    root = write(tmp_path / "data", *[colors] * 7, stray)
    with pytest.raises(InputError, match=r"colour \[201, 0, 10\] has only 1 pixel .* row 7, column 8 of .*7\.png"):
        read_dataset(root)
    (root / "dataset.yaml").write_text("ignore: [[201, 0, 10]]\n")
    index = read_dataset(root)
    assert index.labels.palette == ((0, 0, 0), (200, 0, 10))
    assert loaded(index, 7)[7, 8] == IGNORE


HALF = bands(0, 1)


@pytest.mark.parametrize(
    ("maps", "names"),
    [
        pytest.param([bands(0, 255), low_bits(HALF, 1)], ["0", "255"], id="1 and 8 bits, white is 255"),
        pytest.param([HALF, low_bits(HALF, 1)], ["0", "1"], id="1 and 8 bits, the same values"),
        pytest.param([low_bits(HALF, 1), low_bits(HALF, 1)], ["0", "1"], id="1 bit"),
        pytest.param([bands(0, 85), low_bits(HALF, 2)], ["0", "85"], id="2 and 8 bits, by brightness"),
        pytest.param([bands(0, 1, 2, 3), low_bits(HALF, 2)], ["0", "1", "2", "3"], id="2 and 8 bits, by value"),
        pytest.param([low_bits(bands(0, 1, 2, 3), 2)], ["0", "1", "2", "3"], id="2 bits"),
        pytest.param([low_bits(bands(0, 7, 15), 4)], ["0", "7", "15"], id="4 bits"),
        pytest.param([bands(0, 17), low_bits(HALF, 4)], ["0", "17"], id="4 and 8 bits, by brightness"),
        pytest.param([bands(0, 255), bands(0, 65535, dtype=np.uint16)], ["0", "255"], id="16 and 8 bits, by level"),
        pytest.param([bands(0, 1), bands(0, 1, dtype=np.uint16)], ["0", "1"], id="16 and 8 bits, by value"),
        pytest.param([bands(0, 255), low_bits(bands(0), 1)], ["0", "255"], id="an empty 1-bit mask"),
        pytest.param([low_bits(HALF, 1), bands(0), bands(0, 255)], ["0", "255"], id="an empty 8-bit mask"),
    ],
)
def test_bit_depths_are_read_by_one_rule(tmp_path: Path, maps: list[Any], names: list[str]) -> None:
    index = read(tmp_path / "data", *maps)
    assert classes(index) == names
    for stem in range(len(maps)):
        top, bottom = loaded(index, stem)[0, 0], loaded(index, stem)[-1, 0]
        assert top == 0
        empty = not np.asarray(Image.open(tmp_path / f"data/labels/{stem}.png")).any()
        assert (bottom == 0) == empty


@pytest.mark.parametrize(
    "maps",
    [
        pytest.param([bands(0, 1, 255), low_bits(HALF, 1)], id="1 can be 1 or 255"),
        pytest.param([bands(0, 3), low_bits(HALF, 1)], id="1 is neither"),
        pytest.param([bands(0, 1, 17), low_bits(HALF, 4)], id="1 can be 1 or 17"),
    ],
)
def test_bit_depths_that_do_not_agree_are_an_error(tmp_path: Path, maps: list[Any]) -> None:
    root = write(tmp_path / "data", *maps)
    with pytest.raises(InputError, match=r"1\.png with \d bits? and .*0\.png with 8 bits do not agree"):
        read_dataset(root)
    Image.fromarray(HALF).save(root / "labels/1.png")  # "save all label maps with 8 bits per pixel"
    if 1 in np.unique(maps[0]):
        assert "1" in classes(read_dataset(root))


RED, BLACK, BLUE = (255, 0, 0), (0, 0, 0), (0, 0, 255)


def test_palettes_that_differ_are_an_error_whose_lines_settle_it(tmp_path: Path) -> None:
    quarter = np.zeros((SIDE, SIDE), np.uint8)
    quarter[:20, :20] = 1
    maps = [palette(quarter, BLACK, RED), palette(1 - quarter, RED, BLACK)] * 2
    root = write(tmp_path / "data", *maps)
    with pytest.raises(InputError, match=r"index 0 is \(0, 0, 0\) in .*0\.png, but \(255, 0, 0\) in .*1\.png"):
        read_dataset(root)
    (root / "dataset.yaml").write_text("labels: color\n")
    index = read_dataset(root)
    assert index.labels.palette == (BLACK, RED)
    assert all(np.array_equal(loaded(index, stem), quarter) for stem in range(4))
    (root / "dataset.yaml").write_text("labels: value\n")
    index = read_dataset(root)
    assert np.array_equal(loaded(index, 0), quarter) and np.array_equal(loaded(index, 1), 1 - quarter)


def test_palettes_that_differ_only_in_unused_indices_agree(tmp_path: Path) -> None:
    maps = [palette(bands(0, 2), BLACK, RED, BLUE), palette(bands(0, 1), BLACK, RED), palette(bands(0), BLACK, BLUE)]
    index = read(tmp_path / "data", *maps)
    assert index.labels.names == ("class_0", "class_1", "class_2")
    assert index.labels.palette == (BLACK, RED, BLUE)


def test_greys_beside_palettes_have_the_same_values_or_are_an_error(tmp_path: Path) -> None:
    index = read(tmp_path / "fine", palette(bands(0, 1, 2), BLACK, RED, BLUE), bands(0, 2))
    assert classes(index) == ["0", "1", "2"] and loaded(index, 1)[-1, 0] == 2
    root = write(tmp_path / "data", palette(bands(0, 1), BLACK, (90, 90, 90)), bands(0, 90))
    with pytest.raises(InputError, match=r"0\.png is a palette image, but .*1\.png is a grey image with the value 90"):
        read_dataset(root)
    (root / "dataset.yaml").write_text("labels: color\n")
    index = read_dataset(root)
    assert index.labels.palette == (BLACK, (90, 90, 90))
    assert np.array_equal(loaded(index, 0), loaded(index, 1))


def test_colors_are_classes(tmp_path: Path) -> None:
    one = np.array([(128, 0, 1), (0, 0, 0)], np.uint8)[HALF]
    other = np.array([(0, 255, 16), (0, 0, 0)], np.uint8)[HALF]
    index = read(tmp_path / "data", one, other)
    assert index.labels.names == ("color_000000", "color_00ff10", "color_800001")
    assert index.labels.encoding == "color"
    assert index.labels.raw == {color: position for position, color in enumerate(index.labels.palette)}
    assert loaded(index, 0)[[0, -1], 0].tolist() == [2, 0]


def test_an_empty_grey_map_beside_colors_is_black(tmp_path: Path) -> None:
    color = np.array([RED, BLACK], np.uint8)[HALF]
    index = read(tmp_path / "data", color, bands(0), palette(bands(0, 1), RED, BLACK))
    assert index.labels.palette == (BLACK, RED)
    assert (loaded(index, 1) == 0).all()
    assert np.array_equal(loaded(index, 2), loaded(index, 0))


@pytest.mark.parametrize("other", [bands(0, 1), palette(bands(0, 1), BLACK, BLUE)])
def test_grey_and_palette_maps_of_other_colors_do_not_mix_with_colors(tmp_path: Path, other: Any) -> None:
    with pytest.raises(InputError, match=r"0\.png is a colour image, but .*1\.png is a \w+ image with other colours"):
        read(tmp_path, np.array([RED, BLACK], np.uint8)[HALF], other)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_grey_values_are_read_from_other_kinds_of_images(tmp_path: Path, mode: str) -> None:
    index = read(tmp_path / "data", Image.fromarray(bands(0, 255)).convert(mode), bands(0, 255))
    assert classes(index) == ["0", "255"]
    assert np.array_equal(loaded(index, 0), loaded(index, 1))


def test_255_values_are_classes_and_256_with_gaps_are_too_many(tmp_path: Path) -> None:
    blocks = np.kron(np.arange(256, dtype=np.uint16).reshape(16, 16) * 3, np.ones((4, 4), np.uint16))
    assert read(tmp_path / "fine", np.where(blocks == 3 * 255, 0, blocks)).labels.num_classes == 255
    with pytest.raises(
        InputError, match=r"hold 256 different values that do not count up from 0 or 1, more than the 255"
    ):
        read(tmp_path / "many", np.where(blocks == 255, 1000, blocks))


def test_too_many_colors_are_explained(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    with pytest.raises(InputError, match=r"labels/0\.png hold more than 4096 different colours.*smoothed.*JPEG"):
        read(tmp_path, noise)


def test_classes_have_distinct_colors(tmp_path: Path) -> None:
    assert read(tmp_path, bands(0, 1, 2)).labels.palette == distinct_palette(3)


def test_a_damaged_map_is_left_to_the_check(tmp_path: Path) -> None:
    write(tmp_path, bands(0, 1), bands(2))
    (tmp_path / "labels/1.png").write_bytes(b"damaged")
    assert read_dataset(tmp_path).labels.names == ("class_0", "class_1")
    assert len(read_dataset(tmp_path).split("train")) == 2


def test_maps_with_nothing_but_255_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contain nothing but 255"):
        read(tmp_path, bands(255))


@pytest.mark.parametrize(("suffix", "options"), [("jpg", {}), ("webp", {"quality": 50})])
def test_lossy_label_maps_are_an_error(tmp_path: Path, suffix: str, options: dict[str, Any]) -> None:
    write(tmp_path, bands(0, 1))
    (tmp_path / "labels/0.png").rename(tmp_path / "0.png")
    Image.fromarray(bands(0, 200)).save(tmp_path / f"labels/0.{suffix}", **options)
    with pytest.raises(InputError, match=rf"labels/0\.{suffix} is a lossy \w+, .* export the labels again as PNG"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "options"), [("tif", {}), ("tiff", {}), ("bmp", {}), ("webp", {"lossless": True}), ("gif", {})]
)
def test_label_maps_may_be_in_other_lossless_formats(tmp_path: Path, suffix: str, options: dict[str, Any]) -> None:
    write(tmp_path, bands(0, 1, 2))
    (tmp_path / "labels/0.png").unlink()
    Image.fromarray(bands(0, 1, 2)).save(tmp_path / f"labels/0.{suffix}", **options)
    index = read_dataset(tmp_path)
    assert np.array_equal(index.labels.load(tmp_path / f"labels/0.{suffix}"), bands(0, 1, 2))
    assert len(index.split("train")) == 1


def test_files_that_did_not_change_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path / "data", bands(0, 1), bands(0, 2))
    labels = read_dataset(root).labels
    opened: list[Path] = []
    monkeypatch.setattr(
        "encnet.data.scanning.scan.inspect_label_map", lambda path: (opened.append(path), inspect_label_map(path))[1]
    )
    assert read_dataset(root).labels == labels and opened == []
    Image.fromarray(bands(0, 3, 4)).save(root / "labels/1.png")
    assert classes(read_dataset(root)) == ["0", "1", "3", "4"]
    assert [path.name for path in opened] == ["1.png"]


@pytest.mark.parametrize("shown", [True, False])
def test_many_label_maps_are_read_with_a_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shown: bool
) -> None:
    root = write(tmp_path / "data", *[bands(0, 1)] * 6)
    monkeypatch.setattr("encnet.data.scanning.scan._SLOW", 6 if shown else 7)
    read_dataset(root)
    assert bool(re.search(r"reading label maps +\S+ 6/6 ", capsys.readouterr().err)) == shown


def test_a_label_map_with_a_value_out_of_range_is_named(tmp_path: Path) -> None:
    root = write(tmp_path / "data", bands(0, 1), bands(0, 1))
    nodata = with_pixels(bands(0, 1, dtype=np.int32), -9999, (0, 0))
    Image.fromarray(nodata).save(root / "labels/1.tif")
    (root / "labels/1.png").unlink()
    index = read_dataset(root)
    assert index.labels.names == ("class_0", "class_1")
    (problem,) = check_dataset(index, cache=tmp_path / "cache").problems
    assert problem.file == root / "labels/1.tif"
    assert "labels/1.tif holds the value -9999" in problem.message
