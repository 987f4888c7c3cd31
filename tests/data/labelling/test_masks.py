"""Masks with a class table, imported and compared with the arrays that the masks were made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from label_files import high_bits
from labelled_exports import label_maps, zipped
from PIL import Image

from encnet.cli import main
from encnet.commands.command import INCOMPLETE
from encnet.data.formats import read_dataset
from encnet.data.labelling import import_labels
from encnet.data.labelling.masks import detect, read
from encnet.data.labels import IGNORE
from encnet.system.errors import InputError

WRITTEN = Path(__file__).parents[2] / "fixtures/labelling/masks"
COLORS = {"background": (0, 0, 0), "lawn": (48, 112, 32), "path": (200, 10, 255)}
LABELMAP = "# label:color_rgb:parts:actions\n" + "".join(
    f"{name}:{','.join(map(str, color))}::\n" for name, color in COLORS.items()
)
RNG = np.random.default_rng(0)
INDICES = {stem: RNG.integers(0, 3, (20, 30)).astype(np.uint8) for stem in ("p0", "p1", "p2")}


def rgb(indices: np.ndarray) -> Image.Image:
    """A colour image, painted pixel by pixel."""
    image = Image.new("RGB", indices.shape[::-1])
    colors = list(COLORS.values())
    for y, x in np.ndindex(*indices.shape):
        image.putpixel((x, y), colors[indices[y, x]])
    return image


def palette(indices: np.ndarray, colors: Sequence[tuple[int, int, int]] = tuple(COLORS.values())) -> Image.Image:
    image = Image.fromarray(indices)
    image.putpalette([channel for color in colors for channel in color])
    return image


def export(
    root: Path,
    masks: Mapping[str, Image.Image],
    table: str | None = LABELMAP,
    lists: Mapping[str, str] | None = None,
    name: str = "labelmap.txt",
) -> Path:
    """Writes an export as CVAT unpacks it, with a photograph for each mask."""
    for stem, mask in masks.items():
        for folder in ("JPEGImages", "SegmentationClass"):
            (root / folder / stem).parent.mkdir(parents=True, exist_ok=True)
        mask.save(root / "SegmentationClass" / f"{stem}.png")
        Image.new("RGB", mask.size).save(root / "JPEGImages" / f"{stem}.jpg")
    (root / "ImageSets/Segmentation").mkdir(parents=True, exist_ok=True)
    for split, text in ({"default": "\n".join(masks)} if lists is None else lists).items():
        (root / f"ImageSets/Segmentation/{split}.txt").write_text(text)
    if table is not None:
        (root / name).write_text(table)
    return root


def test_label_maps_equal_the_masks_that_datumaro_exported(tmp_path: Path) -> None:
    imported = import_labels(WRITTEN / "export", tmp_path / "data")
    assert imported.classes == ("background", "lawn", "path", "pond")
    assert imported.images == {"train": 1, "val": 1}
    for stem, labels in label_maps(tmp_path / "data").items():
        assert np.array_equal(labels, np.asarray(Image.open(WRITTEN / "drawn" / f"{stem}.png")))
        assert set(np.unique(labels)) == {0, 1, 2, 3}


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "P", "L"])
def test_label_maps_are_what_the_masks_say(tmp_path: Path, kind: str) -> None:
    make = {"RGB": rgb, "RGBA": lambda i: rgb(i).convert("RGBA"), "P": palette, "L": Image.fromarray}[kind]
    masks = {stem: make(indices) for stem, indices in INDICES.items()}
    imported = import_labels(export(tmp_path / "cvat", masks), tmp_path / "data", val_share=0)
    assert (imported.format, imported.classes, imported.images) == ("masks", tuple(COLORS), {"train": 3})
    assert imported.left_out == {}
    assert imported.ledger.used == {"annotation files": 4, "photographs": 3}
    assert imported.ledger.left_out == {}
    assert imported.why == "SegmentationClass holds masks, and their classes are from labelmap.txt"
    for stem, labels in label_maps(tmp_path / "data").items():
        assert np.array_equal(labels, INDICES[stem])
    assert read_dataset(tmp_path / "data").labels.palette == tuple(COLORS.values())


@pytest.mark.parametrize(
    ("table", "name", "classes", "values"),
    [
        # labelme's converter: the class of value i is in line i
        ("__ignore__\n_background_\nlawn\npath\n", "class_names.txt", ("_background_", "lawn", "path"), [0, 1, 2]),
        ("_background_\nlawn\npath\n", "class_names.txt", ("_background_", "lawn", "path"), [0, 1, 2]),
        (None, "", ("class_0", "class_1", "class_2"), [0, 1, 2]),
        # The table's order is that of the classes, whatever the values of the palette.
        ("path:200,10,255::\nlawn:48,112,32\nrest:0,0,0::", "labelmap.txt", ("path", "lawn", "rest"), [2, 1, 0]),
        # A label without a colour is a class without pixels.
        (LABELMAP + "pond:::\n", "labelmap.txt", (*COLORS, "pond"), [0, 1, 2]),
        ("\ufeff" + LABELMAP, "labelmap.txt", tuple(COLORS), [0, 1, 2]),
        ("background:0,0,0::\na:b:48,112,32:hand,foot:sit\npath:200,10,255::", "labelmap.txt", None, [0, 1, 2]),
    ],
)
def test_tables_of_palette_masks(
    tmp_path: Path, table: str | None, name: str, classes: tuple[str, ...] | None, values: list[int]
) -> None:
    source = export(tmp_path / "own", {stem: palette(i) for stem, i in INDICES.items()}, table, name=name)
    imported = import_labels(source, tmp_path / "data", val_share=0)
    assert imported.classes == (classes or ("background", "a:b", "path"))
    for stem, labels in label_maps(tmp_path / "data").items():
        assert np.array_equal(labels, np.array(values, np.uint8)[INDICES[stem]])


def test_grey_masks_hold_colours_of_the_table_or_else_positions_in_it(tmp_path: Path) -> None:
    table = "sky:255,255,255::\nrest:0,0,0::\n"
    nothing, half = np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8)
    half[:10] = 255
    source = export(tmp_path / "colours", {"p0": Image.fromarray(nothing), "p1": Image.fromarray(half)}, table)
    assert import_labels(source, tmp_path / "data", val_share=0).notes == ()
    assert (label_maps(tmp_path / "data")["p0"] == 1).all()
    assert np.array_equal(label_maps(tmp_path / "data")["p1"], half == 0)
    source = export(tmp_path / "positions", {stem: Image.fromarray(i) for stem, i in INDICES.items()})
    (note,) = import_labels(source, tmp_path / "more").notes
    assert note.startswith("3 grey masks (SegmentationClass/p0.png, ")
    assert note.endswith("values count as positions in labelmap.txt, where 0 is 'background'")


def test_colour_masks_without_a_table_have_their_colours_as_classes(tmp_path: Path) -> None:
    source = export(tmp_path / "own", {stem: rgb(i) for stem, i in INDICES.items()}, None, {})
    imported = import_labels(source, tmp_path / "data", val_share=0)
    assert imported.classes == ("color_000000", "color_307020", "color_c80aff")
    for stem, labels in label_maps(tmp_path / "data").items():
        assert np.array_equal(labels, INDICES[stem])


def test_value_255_is_ignored_without_a_table_of_colours(tmp_path: Path) -> None:
    indices = INDICES["p0"].copy()
    indices[:4] = 255
    source = export(tmp_path / "own", {"p0": Image.fromarray(indices)}, None)
    assert import_labels(source, tmp_path / "data").classes == ("class_0", "class_1", "class_2")
    assert np.array_equal(label_maps(tmp_path / "data")["p0"], indices)


def test_colours_that_the_table_lacks_are_left_out_and_counted(tmp_path: Path) -> None:
    masks = {stem: rgb(indices) for stem, indices in INDICES.items()}
    for x in range(5):
        masks["p0"].putpixel((x, 0), (1, 2, 3))
        masks["p1"].putpixel((x, 0), (1, 2, 3))
    for x in range(9):
        masks["p2"].putpixel((x, 1), (9, 9, 100 + x))
    imported = import_labels(export(tmp_path / "cvat", masks), tmp_path / "data", val_share=0)
    assert imported.left_out["pixel of colour (1, 2, 3) in 2 masks, which labelmap.txt lacks"] == 10
    assert imported.left_out["pixel of colour (9, 9, 100) in 1 mask, which labelmap.txt lacks"] == 1
    assert imported.left_out["pixel of 5 other colours or values, which labelmap.txt lacks"] == 5
    labels = label_maps(tmp_path / "data")
    assert (labels["p0"][0, :5] == IGNORE).all()
    assert np.array_equal(labels["p0"][1:], INDICES["p0"][1:])
    assert (labels["p2"] == IGNORE).sum() == 9
    import_labels(tmp_path / "cvat", tmp_path / "filled", background="path")
    assert (label_maps(tmp_path / "filled")["p0"][0, :5] == 2).all()


def test_the_background_is_a_class_that_can_be_ignored(tmp_path: Path) -> None:
    source = export(tmp_path / "cvat", {stem: rgb(indices) for stem, indices in INDICES.items()})
    imported = import_labels(source, tmp_path / "data", ignore=["background"])
    assert imported.classes == ("lawn", "path")
    for stem, labels in label_maps(tmp_path / "data").items():
        assert np.array_equal(labels, np.array([IGNORE, 0, 1], np.uint8)[INDICES[stem]])


@pytest.mark.parametrize(
    ("lists", "images", "said"),
    [
        ({"train": "p0\np1", "val": "p2"}, {"train": 2, "val": 1}, []),
        ({"Train": "p0", "Validation": "p1", "Test": "p2"}, {"train": 1, "val": 1, "test": 1}, []),
        ({"train": '"p0"\np1 1\n', "val": "p2", "trainval": "p0\np1\np2"}, {"train": 2, "val": 1}, []),
        ({"train": "p0\np9", "val": "p1"}, {"train": 1, "val": 1}, ["it has no mask", "no list in"]),
        ({"train": "p0\np1\np2", "val": "p2"}, {"train": 2, "val": 1}, ["1 image of the split train (p2)"]),
        (
            {"train": "p0\np1\np2", "val": "p0\np1\np2"},
            {"train": 2, "val": 1},
            ["3 images of the split val (p0, p1, p2)"],
        ),
    ],
)
def test_lists_are_splits(tmp_path: Path, lists: dict[str, str], images: dict[str, int], said: list[str]) -> None:
    source = export(tmp_path / "cvat", {stem: rgb(i) for stem, i in INDICES.items()}, lists=lists)
    imported = import_labels(source, tmp_path / "data")
    assert imported.images == images
    lines = [line for line in (*imported.notes, *imported.ledger.lines()[1:]) if "JPEGImages" not in line]
    assert len(lines) == len(said)
    assert all(any(part in line for line in lines) for part in said)


def test_stems_may_have_folders_and_spaces(tmp_path: Path) -> None:
    masks = {"garden/my photo": rgb(INDICES["p0"]), "yard/my photo": rgb(INDICES["p1"])}
    source = export(tmp_path / "cvat", masks, lists={"default": '"garden/my photo"\nyard/my photo\n'})
    assert import_labels(source, tmp_path / "data", val_share=0).images == {"train": 2}
    labels = label_maps(tmp_path / "data")
    assert np.array_equal(labels["garden_my photo"], INDICES["p0"])
    assert np.array_equal(labels["yard_my photo"], INDICES["p1"])


def test_an_export_without_photographs_needs_their_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = export(tmp_path / "cvat", {stem: rgb(i) for stem, i in INDICES.items()})
    (source / "JPEGImages").rename(tmp_path / "photographs")
    command = ["import-labels", str(zipped(source)), "--out", str(tmp_path / "data")]
    assert main(command) == 2
    assert "give its folder (--images)" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "data").exists()
    (tmp_path / "photographs/p1.jpg").unlink()
    assert main([*command, "--images", str(tmp_path / "photographs")]) == INCOMPLETE
    said = " ".join(capsys.readouterr().out.split())
    assert "1 in train, 1 in val; classes background, lawn, path" in said
    assert "left out: 1 file (SegmentationClass/p1.png): the photograph is missing" in said


def test_a_damaged_mask_is_left_out_and_masks_of_objects_are_named(tmp_path: Path) -> None:
    source = export(tmp_path / "cvat", {stem: rgb(i) for stem, i in INDICES.items()})
    (source / "SegmentationObject").mkdir()
    for stem in INDICES:
        (source / f"SegmentationObject/{stem}.png").write_bytes((source / f"SegmentationClass/{stem}.png").read_bytes())
    (source / "SegmentationClass/p1.png").write_bytes(b"no picture")
    imported = import_labels(source, tmp_path / "data", val_share=0)
    assert imported.images == {"train": 2}
    (damaged, objects, photographs) = imported.ledger.lines()[1:]
    assert "left out: 1 file (SegmentationClass/p1.png): cannot read it as an image" in damaged
    assert "left out: 3 files (SegmentationObject/p0.png, " in objects
    assert "masks of objects; masks of classes are used" in objects
    assert "left out: 1 file (JPEGImages/p1.jpg)" in photographs
    assert not imported.ledger.complete


def test_a_mask_of_16_bits_per_channel_is_left_out(tmp_path: Path) -> None:
    source = export(tmp_path / "cvat", {stem: rgb(indices) for stem, indices in INDICES.items()})
    (source / "SegmentationClass/p1.png").write_bytes(high_bits(np.full((20, 30, 3), 500)))
    imported = import_labels(source, tmp_path / "data", val_share=0)
    assert imported.images == {"train": 2}
    assert "(SegmentationClass/p1.png): it has 3 bands of uint16" in imported.ledger.lines()[1]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("lawn\n", r"labelmap\.txt, line 1: 'lawn' is not 'label:red,green,blue::'"),
        ("lawn:1,2::\n", "line 1: '1,2' is not a colour"),
        ("lawn:1,2,300::\n", "'1,2,300' is not a colour of three numbers in 0-255"),
        ("lawn:1,2,3::\nlawn:1,2,4::\n", "line 2: the label 'lawn' is there twice"),
        ("lawn:1,2,3::\n\npath:1,2,3::\n", "line 3: 'path' and 'lawn' have the colour 1,2,3"),
        ("# nothing\n", "has no label"),
        ("lawn:1,2,3::\n", r"nothing that labelmap\.txt lists, but colour \(\d+, \d+, \d+\), for example"),
    ],
)
def test_mistakes_in_the_table_are_errors_that_name_them(tmp_path: Path, table: str, message: str) -> None:
    source = export(tmp_path / "cvat", {"p0": rgb(INDICES["p0"])}, table)
    with pytest.raises(InputError, match=message):
        import_labels(source, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_palettes_that_differ_need_a_table(tmp_path: Path) -> None:
    turned = palette(INDICES["p1"], list(COLORS.values())[::-1])
    source = export(tmp_path / "own", {"p0": palette(INDICES["p0"]), "p1": turned}, None)
    with pytest.raises(InputError, match=r"value 0 is \(0, 0, 0\) in the palette of .*p0\.png, but \(200, 10, 255\)"):
        import_labels(source, tmp_path / "data")
    (source / "labelmap.txt").write_text(LABELMAP)  # what the message says
    import_labels(source, tmp_path / "data", val_share=0)
    labels = label_maps(tmp_path / "data")
    assert np.array_equal(labels["p0"], INDICES["p0"])
    assert np.array_equal(labels["p1"], 2 - INDICES["p1"])


def test_masks_without_a_table_must_be_of_one_kind(tmp_path: Path) -> None:
    source = export(tmp_path / "own", {"p0": palette(INDICES["p0"]), "p1": rgb(INDICES["p1"])}, None)
    with pytest.raises(InputError, match=r"p1\.png is a colour image, but .*p0\.png is a grey or palette image"):
        import_labels(source, tmp_path / "data")


def test_files_are_recognised_by_their_places(tmp_path: Path) -> None:
    source = export(tmp_path / "cvat", {"p0": rgb(INDICES["p0"])})
    assert detect(source / "labelmap.txt")
    assert detect(source / "SegmentationClass/p0.png")
    assert not detect(source / "JPEGImages/p0.jpg")
    assert not detect(source / "ImageSets/Segmentation/default.txt")
    (tmp_path / "labelmap.txt").write_text(LABELMAP)
    assert not detect(tmp_path / "labelmap.txt")
    (image,) = read([source / "labelmap.txt"], source, None).images
    assert (image.name, image.size, image.split) == ("p0.jpg", (20, 30), None)


def test_class_names_may_end_with_empty_lines_but_not_have_one_between(tmp_path: Path) -> None:
    masks = {stem: Image.fromarray(indices) for stem, indices in INDICES.items()}
    source = export(tmp_path / "in", masks, "lawn\npath\npond\n\n\n", name="class_names.txt")
    assert import_labels(source, tmp_path / "data").classes == ("lawn", "path", "pond")
    (source / "class_names.txt").write_text("lawn\n\npath\npond\n")
    with pytest.raises(
        InputError, match=r"class_names\.txt, line 2 is empty, so that the values of the classes below it"
    ):
        import_labels(source, tmp_path / "more")


def test_a_grey_mask_of_zeros_is_read_as_the_other_grey_masks(tmp_path: Path) -> None:
    table = "lawn:48,112,32::\nbackground:0,0,0::\n"
    nothing, half, far = (np.zeros((20, 30), np.uint8) for _ in range(3))
    half[:10], far[:10] = 1, 255
    masks = {"p0": nothing, "p1": half, "p2": far}
    source = export(tmp_path / "in", {stem: Image.fromarray(mask) for stem, mask in masks.items()}, table)
    imported = import_labels(source, tmp_path / "data", val_share=0)
    assert imported.classes == ("lawn", "background")
    drawn = label_maps(tmp_path / "data")
    assert np.array_equal(drawn["p0"], nothing)
    assert np.array_equal(drawn["p1"], half)
    reason = (
        "it has the value 255, which is no position in labelmap.txt, but grey masks hold positions, as"
        " SegmentationClass/p1.png shows; save it as that one"
    )
    assert imported.ledger.left_out[reason].names == ["SegmentationClass/p2.png"]


@pytest.mark.parametrize(
    "line",
    [
        "JPEGImages/{}.jpg",
        "/JPEGImages/{}.jpg /SegmentationClass/{}.png",
        "C:\\voc\\SegmentationClass\\{}.png",
        "{}.jpg",
        "JPEGImages/{}",
    ],
)
def test_lists_may_have_paths(tmp_path: Path, line: str) -> None:
    lists = {"train": "\n".join(line.format(name, name) for name in ("p0", "p1.v2")), "val": line.format("p2", "p2")}
    masks = {stem: rgb(INDICES[stem[:2]]) for stem in ("p0", "p1.v2", "p2")}
    imported = import_labels(export(tmp_path / "in", masks, lists=lists), tmp_path / "data")
    assert imported.images == {"train": 2, "val": 1}
    assert imported.ledger.complete
