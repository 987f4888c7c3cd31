from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from encnet.data import findings
from encnet.data.check import CheckReport, check_dataset
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.sample_files import name_in
from encnet.system.errors import InputError

LABELS = LabelSet.plain(["sky", "road", "car"])


def write_image(path: Path, size: tuple[int, int] = (6, 4), seed: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name) + sum(path.name.encode()) if seed is None else seed)
    Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path)


def write_map(path: Path, values: Any = (0, 1, 2, 255), size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).permutation(np.resize(np.array(values, dtype=np.uint8), size[0] * size[1]))
    Image.fromarray(pixels.reshape(size[::-1])).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A sound data set: five samples to train, one to validate."""
    root = tmp_path / "data"
    for split, names in (("train", "abcde"), ("val", "f")):
        for name in names:
            write_image(root / "images" / split / f"{name}.png")
            write_map(root / "labels" / split / f"{name}.png")
    return root


def check(root: Path, labels: LabelSet = LABELS) -> CheckReport:
    index = read_dataset(root)
    return check_dataset(DatasetIndex(index.name, root, labels, index.splits), cache=root.parent / "cache")


def messages(report: CheckReport) -> list[str]:
    return [problem.message for problem in report.problems]


def test_counts_equal_those_of_a_loop_over_all_pixels(root: Path) -> None:
    write_map(root / "labels/train/a.png", [0, 0, 0, 255])
    write_map(root / "labels/train/b.png", [1])
    report = check(root)
    assert report.problems == report.warnings == ()
    report.raise_if_problems()
    for split in ("train", "val"):
        pixels, images = Counter(), Counter()
        paths = list((root / "labels" / split).iterdir())
        assert paths
        for path in paths:
            values = np.asarray(Image.open(path)).ravel().tolist()
            pixels.update(values)
            images.update(set(values))
        assert report.class_pixels[split].dtype == np.int64
        assert report.class_pixels[split].tolist() == [pixels[0], pixels[1], pixels[2]]
        assert report.class_images[split].tolist() == [images[0], images[1], images[2]]
        assert report.ignored_pixels[split] == pixels[IGNORE]


def test_every_problem_is_listed(root: Path) -> None:
    (root / "labels/train/a.png").unlink()
    (root / "images/train/b.png").unlink()
    content = (root / "images/train/c.png").read_bytes()
    (root / "images/train/c.png").write_bytes(content[: len(content) // 2])
    (root / "labels/train/d.png").write_bytes(b"damaged")
    write_map(root / "labels/train/e.png", [0, 9, 9, 11], size=(4, 6))
    Image.new("RGB", (6, 4), "red").save(root / "labels/val/f.png")
    (root / "dataset.yaml").write_text(
        "classes: [{name: sky}, {name: road}, {name: car}]\n"
        "splits: {train: {images: images/train, labels: labels/train}, val: {images: images/val, labels: labels/val}}\n"
    )
    report = check(root)
    found = {name_in(root, problem.file): problem.message for problem in report.problems}
    assert len(report.problems) == 7
    assert "has no label map" in found["images/train/a.png"]
    assert "has no image" in found["labels/train/b.png"]
    assert "cannot read" in found["images/train/c.png"]
    assert "cannot read" in found["labels/train/d.png"]
    assert any("e.png has undeclared values 9 (12 pixels), 11 (6 pixels)" in message for message in messages(report))
    assert "is 6 x 4 pixels (width x height), but its label map" in found["labels/train/e.png"]
    assert "is a RGB image" in found["labels/val/f.png"]
    with pytest.raises(InputError, match=r"has no label map.*has no image.*; and 4 more; run `encnet check`"):
        report.raise_if_problems()


def test_an_undeclared_color_is_a_problem(tmp_path: Path) -> None:
    write_image(tmp_path / "images/a.png", (2, 2))
    (tmp_path / "labels").mkdir()
    Image.fromarray(np.array([[[1, 2, 3]] * 2, [[4, 5, 6]] * 2], dtype=np.uint8)).save(tmp_path / "labels/a.png")
    labels = LabelSet(("a",), ((1, 2, 3),), "color", {(1, 2, 3): 0})
    report = check(tmp_path, labels)
    assert any("labels/a.png has undeclared colour (4, 5, 6) (2 pixels)" in message for message in messages(report))


def test_missing_samples_and_empty_splits_are_problems(root: Path) -> None:
    index = read_dataset(root)
    for kind in ("images", "labels"):
        (root / kind / "val" / "f.png").unlink()
    report = check_dataset(
        DatasetIndex("data", root, LABELS, {**index.splits, "test": ()}), cache=root.parent / "cache"
    )
    assert messages(report) == [
        f"there is no image {root}/images/val/f.png",
        f"the split 'test' of {root} has no images",
    ]


def test_images_without_label_maps_are_checked_too(root: Path) -> None:
    write_image(root / "images/test/g.png")
    (root / "images/test/h.png").write_bytes(b"damaged")
    report = check(root)
    assert [problem.file for problem in report.problems] == [root / "images/test/h.png"]
    assert report.class_pixels["test"].sum() == 0


def test_sizes_are_compared_upright(root: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4, 6)).save(root / "images/train/a.png", exif=exif)
    assert check(root).problems == ()


def test_a_class_absent_from_train_is_a_warning(root: Path) -> None:
    labels = LabelSet.plain(["sky", "road", "car", "boat"])
    report = check(root, labels)
    assert report.problems == ()
    assert [warning.message for warning in report.warnings] == ["the class 'boat' never occurs in train"]


def test_classes_that_every_training_image_has_are_noted(root: Path) -> None:
    report = check(root)
    maps = [np.asarray(Image.open(path)) for path in sorted((root / "labels/train").iterdir())]
    expected = [name for value, name in enumerate(("sky", "road", "car")) if all((m == value).any() for m in maps)]
    assert list(report.everywhere) == expected
    assert all(any(name in note for note in report.notes()) for name in expected)
    for path in (root / "labels/train").iterdir():
        Image.fromarray(np.full((4, 6), 1, dtype=np.uint8)).save(path)
        break
    again = check(root)
    assert again.everywhere == tuple(name for name in expected if name == "road")


def test_the_same_image_in_two_splits_is_a_warning(root: Path) -> None:
    (root / "images/val/f.png").write_bytes((root / "images/train/b.png").read_bytes())
    (root / "images/train/c.png").write_bytes((root / "images/train/b.png").read_bytes())
    report = check(root)
    assert report.problems == ()
    assert [warning.message for warning in report.warnings] == [
        f"{root}/images/val/f.png in val is the same image as {root}/images/train/b.png in train"
    ]


class TestCache:
    @pytest.fixture
    def reads(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """A list that grows by every file that is read."""
        reads: list[str] = []
        for name in ("inspect_image", "inspect_label"):
            original = getattr(findings, name)

            def record(path: Path, *rest: Any, original: Any = original) -> Any:
                reads.append(f"{path.parent.parent.name}/{path.name}")
                return original(path, *rest)

            monkeypatch.setattr(findings, name, record)
        return reads

    def test_only_changed_files_are_read_again(self, root: Path, reads: list[str]) -> None:
        first = check(root)
        assert sorted(reads) == sorted(f"{kind}/{name}.png" for kind in ("images", "labels") for name in "abcdef")
        reads.clear()
        second = check(root)
        assert reads == []
        assert second.class_pixels["train"].tolist() == first.class_pixels["train"].tolist()
        write_map(root / "labels/train/c.png", [0])
        os.utime(root / "images/val/f.png", ns=(0, 0))
        third = check(root)
        assert sorted(reads) == ["images/f.png", "labels/c.png"]
        assert third.class_images["train"].tolist() == [5, 4, 4]

    def test_problems_are_kept(self, root: Path, reads: list[str]) -> None:
        write_map(root / "labels/train/a.png", [7], size=(4, 6))
        (root / "images/train/b.png").write_bytes(b"damaged")
        first = check(root)
        assert len(first.problems) == 3
        reads.clear()
        assert check(root).problems == first.problems
        assert reads == []

    def test_label_maps_are_read_again_if_the_meaning_of_the_labels_changes(self, root: Path, reads: list[str]) -> None:
        check(root)
        reads.clear()
        report = check(root, LabelSet.plain(["sky", "road"]))
        assert sorted(reads) == [f"labels/{name}.png" for name in "abcdef"]
        assert len(report.problems) == 6
        reads.clear()
        check(root, LabelSet(("above", "below"), ((0, 0, 0), (1, 1, 1)), "value", {0: 0, 1: 1, 255: IGNORE}))
        assert reads == [], "names and colours have no part in what a label map means"

    @pytest.mark.parametrize("content", ["", "[1, 2]", '{"version": 0}', '{"version": 1, "files": {"a": [1]}}'])
    def test_a_damaged_cache_is_made_anew(self, root: Path, reads: list[str], content: str) -> None:
        first = check(root)
        files = list((root.parent / "cache").iterdir())
        assert len(files) == 2, "photographs and label maps"
        for file in files:
            file.write_text(content)
        reads.clear()
        assert check(root).class_pixels["train"].tolist() == first.class_pixels["train"].tolist()
        assert len(reads) == 12
        reads.clear()
        check(root)
        assert reads == []

    def test_a_cache_that_cannot_be_written_is_not_an_error(self, root: Path) -> None:
        (root.parent / "cache").write_text("a file where the folder should be")
        assert check(root).problems == ()

    def test_the_default_cache_is_in_the_users_cache_folder(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(root.parent / "xdg"))
        check_dataset(read_dataset(root))
        assert len(list((root.parent / "xdg" / "encnet" / "check").glob("data-*-photographs.json"))) == 1
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(root.parent / "home"))
        check_dataset(read_dataset(root))
        assert len(list((root.parent / "home" / ".cache" / "encnet" / "check").glob("data-*-photographs.json"))) == 1


def test_the_table_shows_shares_and_numbers_of_images(root: Path) -> None:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(check(root).table())
    text = capture.get()
    rows = {row.split("│")[1].strip(): row.split("│")[2:-1] for row in text.splitlines() if row.startswith("│")}
    # each map has 24 pixels in four equal parts, one of them ignored
    assert [cell.strip() for cell in rows["road"]] == ["33.33%", "5", "33.33%", "1"]
    assert [cell.strip() for cell in rows["(ignored, of all pixels)"]] == ["25.00%", "", "25.00%", ""]


def test_progress_is_shown_on_standard_error(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "images/train/a.png").unlink()
    check_dataset(read_dataset(root), cache=root.parent / "cache", progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "12/12" in err
