"""YOLO's text files of polygons, compared with the pixels inside of the polygons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml
from labelled_exports import label_maps, zipped
from PIL import Image
from pixel_areas import assert_drawn

from encnet.cli import main
from encnet.commands.command import INCOMPLETE
from encnet.data.labelling import import_labels
from encnet.data.labelling.yolo import detect, read
from encnet.data.labels import IGNORE
from encnet.system.errors import InputError

pytest.importorskip("pycocotools")

HEIGHT, WIDTH = 40, 60
LARGE = [(0.05, 0.1), (0.9, 0.05), (0.85, 0.9), (0.1, 0.95)]
SMALL = [(0.3, 0.3), (0.6, 0.35), (0.45, 0.7)]


def line(number: int, corners: list[tuple[float, float]]) -> str:
    return " ".join([str(number), *(f"{value:.6f}" for corner in corners for value in corner)])


def pixels(corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x * WIDTH, y * HEIGHT) for x, y in corners]


def make(root: Path, texts: Mapping[str, str], suffix: str = ".jpg") -> Path:
    """Writes text files, and a photograph for each that is in a folder labels/."""
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if "labels" in path.parts[len(root.parts) :]:
            image = root / name.replace("labels/", "images/").replace(".txt", suffix)
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (WIDTH, HEIGHT)).save(image)
    return root


def document(**entries: object) -> str:
    return yaml.safe_dump({"names": ["lawn", "path"], **entries})


POLYGONS = f"{line(1, SMALL)}\n{line(0, LARGE)}\n"
ROBOFLOW = {"train/labels/a.txt": POLYGONS, "valid/labels/b.txt": line(1, LARGE)}
TWO = {"labels/train/a.txt": POLYGONS, "labels/val/b.txt": line(1, LARGE)}


@pytest.mark.parametrize(
    ("texts", "classes", "images"),
    [
        ({"data.yaml": document(train="images/train", val="images/val"), **TWO}, None, {"train": 1, "val": 1}),
        ({"data.yaml": document(path=".", train="images/train", val=["images/val"]), **TWO}, None, None),
        ({"data.yaml": document(path="/content/garden", train="images/train", val="images/val"), **TWO}, None, None),
        ({"coco8.yaml": document(train="images/train/", val="./images/val"), **TWO}, None, None),
        ({"data.yaml": document(names={0: "lawn", 1: "path", 7: "pond"}), **TWO}, ("lawn", "path", "pond"), None),
        # Roboflow's arrangement, whose paths start one folder too high
        (
            {
                "data.yaml": document(train="../train/images", val="../valid/images", test="../test/images", nc=2),
                **ROBOFLOW,
            },
            None,
            None,
        ),
        # a split as the folder above its images/
        (
            {
                "data.yaml": document(train="train", val="valid"),
                **ROBOFLOW,
            },
            None,
            None,
        ),
        # CVAT's arrangement, with lists of photographs
        (
            {
                "data.yaml": document(path=".", train="train.txt", val="val.txt"),
                "train.txt": "data/images/train/a.jpg\n",
                "val.txt": "./images/val/b.jpg\n\n",
                **TWO,
            },
            None,
            None,
        ),
        # names alone: the folders say the splits
        ({"data.yaml": document(), **TWO}, None, None),
        ({"classes.txt": "lawn\npath\n", **TWO}, None, None),
    ],
)
def test_arrangements(
    tmp_path: Path, texts: dict[str, str], classes: tuple[str, ...] | None, images: dict[str, int] | None
) -> None:
    imported = import_labels(make(tmp_path / "yolo", texts), tmp_path / "data")
    assert imported.format == "yolo"
    assert imported.classes == (classes or ("lawn", "path"))
    assert imported.images == (images or {"train": 1, "val": 1})
    assert f"names {len(imported.classes)} classes" in imported.why
    assert imported.left_out == {}
    assert set(imported.notes) <= {"data.yaml names '../test/images' as the split test, which is not there"}
    assert imported.ledger.found == imported.ledger.used.total()
    # small areas lie over large ones, whatever their order
    assert_drawn(label_maps(tmp_path / "data")["a"], [(pixels(LARGE), 0), (pixels(SMALL), 1)], IGNORE)
    assert_drawn(label_maps(tmp_path / "data")["b"], [(pixels(LARGE), 1)], IGNORE)


def test_other_text_files_are_not_polygons(tmp_path: Path) -> None:
    texts = {"classes.txt": "lawn\npath\n", "README.dataset.txt": "A garden.\n", **TWO}
    imported = import_labels(make(tmp_path / "yolo", texts), tmp_path / "data")
    assert imported.ledger.complete
    assert imported.ledger.left_out["neither photographs nor annotation files"].names == ["README.dataset.txt"]


def test_photographs_and_text_files_may_be_side_by_side(tmp_path: Path) -> None:
    root = make(tmp_path / "yolo", {"classes.txt": "lawn\npath\n", "garden/a.txt": POLYGONS})
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "garden/a.PNG")
    assert import_labels(root, tmp_path / "data").images == {"train": 1}
    assert_drawn(label_maps(tmp_path / "data")["a"], [(pixels(LARGE), 0), (pixels(SMALL), 1)], IGNORE)


@pytest.mark.parametrize(
    ("text", "left_out", "labelled"),
    [
        ("0 0.5 0.5 0.2 0.2", "box without an area", False),
        ("0 0.5 0.5 0.2 0.2 0.93", "box without an area", False),
        ("0 0.1 0.1 0.9 0.9 0.5", "box without an area", False),
        ("0 0.1 0.1 0.9 0.9 0.5 0.3 0.2", "polygon with an odd number of coordinates", False),
        ("0", "polygon of fewer than three corners", False),
        ("lawn 0.1 0.1 0.9 0.1 0.5 0.9", "line that is not numbers", False),
        ("0 0.1 0.1 0.9 nan 0.5 0.9", "area with a coordinate that is not a number", False),
        ("0 6 4 54 4 30 36", "area outside of the image", False),
        ("0 -0.4 0.1 0.9 0.1 0.5 0.9", "polygon that reaches far out of the image", False),
        ("0 0.1 0.1 0.1 0.1 0.5 0.9", "area of zero size", False),
        ("2 0.1 0.1 0.9 0.1 0.5 0.9", "area of class 2, which has no name", False),
        ("0.5 0.1 0.1 0.9 0.1 0.5 0.9", "area of class 0.5, which has no name", False),
        ("0.0 0.1 0.1 0.9 0.1 0.5 0.9", None, True),
        ("0 -0.01 -0.04 1.0 0 1.03 1.002 0 1", None, True),
        ("\n  0\t0.1 0.1 0.9 0.1 0.5 0.9  \n\n", None, True),
    ],
)
def test_lines_that_are_no_polygons_are_left_out(
    tmp_path: Path, text: str, left_out: str | None, labelled: bool
) -> None:
    root = make(tmp_path / "yolo", {"data.yaml": document(), "labels/a.txt": text, "labels/b.txt": POLYGONS})
    imported = import_labels(root, tmp_path / "data", background="path")
    kinds = [(kind.startswith(left_out), number) for kind, number in imported.left_out.items() if left_out]
    assert kinds == ([(True, 1)] if left_out else [])
    assert (0 in label_maps(tmp_path / "data")["a"]) == labelled


def test_corners_slightly_outside_are_moved_to_the_edge(tmp_path: Path) -> None:
    text = line(0, [(-0.02, -0.03), (0.5, -0.03), (0.5, 1.04), (-0.02, 1.04)])
    import_labels(make(tmp_path / "yolo", {"data.yaml": document(), "labels/a.txt": text}), tmp_path / "data")
    expected = np.full((HEIGHT, WIDTH), IGNORE, np.uint8)
    expected[:, : WIDTH // 2] = 0
    assert np.array_equal(label_maps(tmp_path / "data")["a"], expected)


def test_empty_text_files_are_photographs_without_areas_and_missing_ones_are_named(tmp_path: Path) -> None:
    root = make(tmp_path / "yolo", {"data.yaml": document(), "labels/a.txt": POLYGONS, "labels/empty.txt": ""})
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / "images/forgotten.jpg")
    imported = import_labels(root, tmp_path / "data", background="path", val_share=0)
    assert imported.images == {"train": 2}
    assert (label_maps(tmp_path / "data")["empty"] == 1).all()
    (line,) = imported.ledger.lines()[1:]
    assert line.startswith("left out: 1 file (images/forgotten.jpg): it has no text file of polygons; write an empty")
    (root / "labels/forgotten.txt").touch()  # what the note says
    assert import_labels(root, tmp_path / "more", background="path", val_share=0).images == {"train": 3}


def test_an_export_without_photographs_needs_their_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = {
        "data.yaml": document(path=".", train="train.txt"),
        "train.txt": "data/images/train/a.jpg\ndata/images/train/c.jpg",
        "labels/train/a.txt": POLYGONS,
        "labels/train/c.txt": POLYGONS,
    }
    root = make(tmp_path / "yolo", texts)
    (root / "images/train").rename(tmp_path / "photographs")
    command = ["import-labels", str(zipped(root)), "--out", str(tmp_path / "data")]
    assert main(command) == 2
    assert "give its folder (--images)" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "photographs/c.jpg").unlink()
    assert main([*command, "--images", str(tmp_path / "photographs")]) == INCOMPLETE
    said = " ".join(capsys.readouterr().out.split())
    assert "read as yolo, because data.yaml names 2 classes" in said
    assert "left out: 1 file (labels/train/c.txt): the photograph is missing" in said
    assert_drawn(label_maps(tmp_path / "data")["a"], [(pixels(LARGE), 0), (pixels(SMALL), 1)], IGNORE)


@pytest.mark.parametrize(
    ("val", "images", "twice"),
    [
        ("images/train", {"train": 3, "val": 1}, "4 images of the split val (labels/train/a.txt, "),
        ("val.txt", {"train": 3, "val": 1}, "1 image of the split train (labels/train/c.txt): in another"),
    ],
)
def test_photographs_in_two_splits_are_in_one(tmp_path: Path, val: str, images: dict[str, int], twice: str) -> None:
    texts = {f"labels/train/{stem}.txt": POLYGONS for stem in "abcd"}
    texts |= {"data.yaml": document(train="images/train", val=val), "val.txt": "images/train/c.jpg"}
    imported = import_labels(make(tmp_path / "yolo", texts), tmp_path / "data")
    assert imported.images == images
    (note,) = imported.notes
    assert note.startswith(twice)
    assert (tmp_path / "data/images/val/c.jpg").is_file() or val != "val.txt"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"data.yaml": document(kpt_shape=[17, 3]), **TWO}, r"is for keypoints \(it has `kpt_shape`\)"),
        ({"data.yaml": document(names=3), **TWO}, "are not a list of classes"),
        ({"data.yaml": document(names={"lawn": 0}), **TWO}, "are not a list of classes"),
        ({"data.yaml": document(names=[]), **TWO}, "are not a list of classes"),
        ({"data.yaml": document(train="nowhere"), **TWO}, "names nowhere, which are not below .*; correct its `path`"),
        ({"data.yaml": document(), "labels/a.txt": "0 0.5 0.5 0.2 0.2"}, "boxes alone, which have no areas"),
        ({"data.yaml": document(train="garden"), "garden/labels.md": ""}, "no photograph of .* has a text file of"),
        ({"labels/a.txt": POLYGONS}, "nothing names their classes; write a classes.txt of one name per line into"),
    ],
)
def test_mistakes_are_errors_that_name_the_file(tmp_path: Path, texts: dict[str, str], message: str) -> None:
    root = make(tmp_path / "yolo", texts)
    if "garden/labels.md" in texts:
        Image.new("RGB", (WIDTH, HEIGHT)).save(root / "garden/a.jpg")
    with pytest.raises(InputError, match=message) as error:
        import_labels(root, tmp_path / "data")
    assert str(root) in str(error.value)
    assert not (tmp_path / "data").exists()


def test_with_the_classes_txt_that_the_error_asks_for_the_folder_is_imported(tmp_path: Path) -> None:
    root = make(tmp_path / "yolo", {"labels/a.txt": POLYGONS})
    with pytest.raises(InputError, match=r"write a classes\.txt"):
        import_labels(root, tmp_path / "data")
    (root / "classes.txt").write_text("lawn\npath\n")
    assert import_labels(root, tmp_path / "data").classes == ("lawn", "path")


def test_files_are_recognised_by_their_content(tmp_path: Path) -> None:
    root = make(tmp_path / "yolo", {"data.yaml": document(), "classes.txt": "lawn\n", "labels/a.txt": POLYGONS})
    make(root, {"labels/notes.txt": "see the wiki", "notes.txt": POLYGONS, "other.yaml": "a: [1", "own.yaml": "a: 1"})
    names = ("data.yaml", "classes.txt", "labels/a.txt", "labels/notes.txt", "notes.txt", "other.yaml", "own.yaml")
    assert [name for name in names if detect(root / name)] == ["data.yaml", "classes.txt", "labels/a.txt"]
    (image, _) = read([root / "data.yaml"], root, None).images
    assert (image.name, image.size, len(image.areas)) == ("a.jpg", None, 2)


def test_the_photograph_of_another_split_is_not_taken_for_one_that_is_missing(tmp_path: Path) -> None:
    texts = {"labels/train/a.txt": POLYGONS, "labels/train/b.txt": POLYGONS, "labels/val/c.txt": POLYGONS}
    source = make(tmp_path / "in", {**texts, "data.yaml": document(train="images/train", val="images/val")})
    (source / "images/train/b.jpg").rename(source / "images/val/b.jpg")
    imported = import_labels(source, tmp_path / "data")
    assert imported.images == {"train": 1, "val": 1}
    missing = imported.ledger.left_out["the photograph is missing; copy it into the folder"]
    assert missing.names == ["labels/train/b.txt"]
    assert set(label_maps(tmp_path / "data")) == {"a", "c"}


def test_an_empty_line_among_the_classes_is_an_error_and_one_at_the_end_is_none(tmp_path: Path) -> None:
    source = make(tmp_path / "in", {"labels/a.txt": line(2, LARGE), "classes.txt": "lawn\n\npath\npond\n"})
    with pytest.raises(InputError, match=r"classes\.txt, line 2 is empty, so that the values of the classes below it"):
        import_labels(source, tmp_path / "data")
    (source / "classes.txt").write_text("lawn\npath\npond\n\n \n")
    assert import_labels(source, tmp_path / "data").classes == ("lawn", "path", "pond")


@pytest.mark.parametrize("classes", ["classes.txt", "data.yaml"])
def test_classes_of_one_name_are_one_and_a_note(tmp_path: Path, classes: str) -> None:
    names = ["road", "house", "road"]
    text = "\n".join(names) if classes == "classes.txt" else document(names=names, train="images")
    source = make(tmp_path / "in", {"labels/a.txt": f"{line(2, LARGE)}\n{line(1, SMALL)}\n", classes: text})
    imported = import_labels(source, tmp_path / "data")
    assert imported.classes == ("road", "house")
    assert imported.notes == (f"{classes} calls the classes 0, 2 all 'road'; they are one class",)
