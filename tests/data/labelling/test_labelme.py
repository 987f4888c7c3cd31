"""labelme's files and label maps, written and drawn by labelme itself."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_exports import label_maps
from PIL import Image
from pixel_areas import assert_drawn

from encnet.data.formats import read_dataset
from encnet.data.labelling import import_labels
from encnet.data.labelling.labelme import detect, read
from encnet.data.labels import IGNORE
from encnet.system.errors import InputError

WRITTEN = Path(__file__).parents[2] / "fixtures/labelling/labelme"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photograph and one polygon for it, in one.json."""
    (tmp_path / "labelled").mkdir()
    Image.new("RGB", (30, 20), (90, 90, 90)).save(tmp_path / "labelled/one.jpg")
    write(tmp_path / "labelled/one.json", [shape("lawn", [[2, 3], [9, 3], [9, 12]])])
    return tmp_path / "labelled"


def shape(label: str, points: list[list[float]], kind: str | None = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}, **more}


def write(path: Path, shapes: list[dict[str, Any]], **more: Any) -> None:
    document = {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": f"{path.stem}.jpg",
        "imageData": None,
        "imageHeight": 20,
        "imageWidth": 30,
        **more,
    }
    path.write_text(json.dumps(document))


def png(image: Image.Image) -> str:
    """A mask as labelme writes it."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_label_maps_equal_those_that_labelme_draws(tmp_path: Path) -> None:
    names = json.loads((WRITTEN / "names.json").read_text())
    imported = import_labels(WRITTEN / "labelled", tmp_path / "data", val_share=0)
    assert imported.images == {"train": 2}
    assert imported.left_out == {"point": 1, "linestrip": 1}
    index = read_dataset(tmp_path / "data")
    for sample in index.split("train"):
        assert sample.label is not None
        ours = index.labels.load(sample.label)
        theirs = np.asarray(Image.open(WRITTEN / "drawn" / f"{sample.image.stem}.png"))  # 0 is unlabelled
        for number, name in enumerate(names):
            expected = IGNORE if number == 0 or name == "__ignore__" else index.labels.names.index(name)
            assert (ours[theirs == number] == expected).all(), name
        assert len(np.unique(theirs)) >= 4


def test_a_photograph_may_be_inside_the_file_beside_it_or_elsewhere(folder: Path, tmp_path: Path) -> None:
    photograph = (folder / "one.jpg").read_bytes()
    write(
        folder / "two.json", [shape("lawn", [[0, 0], [5, 0], [5, 5]])], imageData=base64.b64encode(photograph).decode()
    )
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/three.jpg").write_bytes(photograph)
    write(folder / "three.json", [shape("lawn", [[0, 0], [5, 0], [5, 5]])], imagePath="..\\elsewhere\\three.jpg")
    imported = import_labels(folder, tmp_path / "data", val_share=0)
    assert imported.images == {"train": 3}
    copies = [(tmp_path / f"data/images/train/{stem}.jpg").read_bytes() for stem in ("one", "two", "three")]
    assert copies == [photograph] * 3


def test_lines_and_points_are_left_out(folder: Path) -> None:
    shapes = [
        shape("post", [[4, 4]], "point"),
        shape("edge", [[0, 0], [9, 9]], "line"),
        shape("lawn", [[0, 0], [5, 0], [5, 5]]),
    ]
    write(folder / "one.json", shapes)
    annotations = read([folder / "one.json"], folder, None)
    assert annotations.left_out == {"point": 1, "line": 1}
    assert list(annotations.labels) == ["lawn"]


def test_folders_say_splits(folder: Path, tmp_path: Path) -> None:
    for split in ("train", "valid"):
        (folder / split).mkdir()
        for name in ("one.jpg", "one.json"):
            (folder / split / name).write_bytes((folder / name).read_bytes())
    (folder / "one.json").unlink()
    imported = import_labels(folder, tmp_path / "data")
    assert imported.images == {"train": 1, "val": 1}
    assert imported.notes == ("the folder 'valid' counts as the split val",)


def test_a_place_whose_name_has_the_word_of_a_split_is_none(folder: Path, tmp_path: Path) -> None:
    (folder / "Val Gardena").mkdir()
    for name in ("one.jpg", "one.json"):
        (folder / "Val Gardena" / name).write_bytes((folder / name).read_bytes())
    imported = import_labels(folder, tmp_path / "data", val_share=0)
    assert imported.images == {"train": 2}
    (note,) = imported.notes
    assert note == "the folder 'Val Gardena' is no split, as its name says more than that; if it is one, call it 'val'"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapes": [{"points": [[0, 0]] * 3, "shape_type": "polygon"}]}, r"1 x area without a label \(one\.json\)"),
        ({"shapes": [shape("", [[0, 0]] * 3)]}, "1 x area without a label"),
        ({"shapes": [shape("lawn", [[0, 0], [1, 1]])]}, r"1 x polygon of fewer than three corners \(one\.json: lawn\)"),
        ({"shapes": [shape("lawn", [[0, 0], [1]])]}, "1 x damaged shape"),
        ({"shapes": [shape("lawn", [[0, 0]] * 4, "star")]}, "1 x shape of the unknown kind 'star'"),
        ({"shapes": [shape("lawn", [[0, 0], [1, 1]], "mask", mask="!")]}, "1 x mask whose PNG is damaged"),
        (
            {"shapes": [shape("lawn", [[0, 0], [9, 9]], "mask", mask=png(Image.new("RGBA", (10, 10), "white")))]},
            "1 x mask whose PNG has colours or transparency",
        ),
        ({"shapes": 3}, "not as labelme writes it"),
        ({"imagePath": "nowhere.jpg"}, r"nowhere\.jpg, which is not in"),
        ({"imageWidth": 31}, "30 x 20 pixels, but was labelled at 31 x 20"),
    ],
)
def test_mistakes_are_errors_that_name_the_file(
    folder: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    write(folder / "one.json", **{"shapes": [shape("lawn", [[0, 0], [5, 0], [5, 5]])], **changes})
    with pytest.raises(InputError, match=message) as error:
        import_labels(folder, tmp_path / "data")
    assert "one." in str(error.value)
    assert not (tmp_path / "data").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labelled"]


def test_files_that_are_not_labelmes_are_skipped(folder: Path, tmp_path: Path) -> None:
    assert detect(folder / "one.json")
    (folder / "notes.json").write_text('{"shapes": []}')
    (folder / "broken.json").write_text("{")
    assert not detect(folder / "notes.json")
    assert not detect(folder / "broken.json")
    assert not detect(folder / "one.jpg")
    assert import_labels(folder, tmp_path / "data").images == {"train": 1}


def test_a_mask_is_drawn_at_its_box(folder: Path, tmp_path: Path) -> None:
    patch = np.random.default_rng(0).random((5, 7)) > 0.5
    mask = png(Image.fromarray(patch.astype(np.uint8)))
    write(folder / "one.json", [shape("lawn", [[10, 4], [16, 8]], "mask", mask=mask)])
    import_labels(folder, tmp_path / "data")
    labels = label_maps(tmp_path / "data")["one"]
    expected = np.full((20, 30), IGNORE)
    expected[4:9, 10:17][patch] = 0
    assert np.array_equal(labels, expected)


@pytest.mark.parametrize(
    ("kind", "points", "corners"),
    [
        ("rotation", [[12, 2], [22, 7], [17, 17], [7, 12]], [[12, 2], [22, 7], [17, 17], [7, 12]]),
        ("rectangle", [[3, 4], [20, 4], [20, 15], [3, 15]], [[3, 4], [20, 4], [20, 15], [3, 15]]),
        ("quadrilateral", [[2, 2], [25, 4], [20, 17], [4, 12]], [[2, 2], [25, 4], [20, 17], [4, 12]]),
        ("polygon", [[2, 2], [25, 4], [20, 17]], [[2, 2], [25, 4], [20, 17]]),
    ],
)
def test_shapes_of_x_anylabeling(folder: Path, tmp_path: Path, kind: str, points: Any, corners: Any) -> None:
    extra = {"description": "", "difficult": False, "attributes": {}, "kie_linking": [], "score": None}
    shapes = [shape("lawn", points, kind, direction=1.57, **extra), shape("box", [[0, 1]] * 8, "cuboid", **extra)]
    write(folder / "one.json", shapes, version="2.5.4", description="", checked=True)
    imported = import_labels(folder, tmp_path / "data")
    assert imported.left_out == {"shape of the unknown kind 'cuboid'": 1}
    assert imported.why == "one.json has the form of labelme, as X-AnyLabeling writes it"
    expected = [(x + 0.5, y + 0.5) for x, y in corners]  # in labelme, whole numbers are the centres of pixels
    labels = label_maps(tmp_path / "data")["one"]
    assert_drawn(labels, [(expected, 0)], IGNORE)


def test_a_circle_of_x_anylabeling(folder: Path, tmp_path: Path) -> None:
    write(folder / "one.json", [shape("lawn", [[14, 9], [14, 16]], "circle", difficult=False)], version="2.5.4")
    import_labels(folder, tmp_path / "data")
    labels = label_maps(tmp_path / "data")["one"]
    y, x = np.mgrid[:20, :30]
    radius = np.hypot(x - 14, y - 9)
    assert (labels[radius < 6.5] == 0).all()
    assert (labels[radius > 7.6] == IGNORE).all()
