"""The page check.html, of a data set on disk that has everything to show."""

from __future__ import annotations

import re
import shutil
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.data.check import check_dataset
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.data.scenes import generate_scene
from encnet.reports import data_page
from encnet.reports.data_page import write_check_page
from encnet.system.errors import InputError

DESCRIPTION = """
classes: [{name: sky, value: 0}, {name: road & path, value: 1}, {name: pole, value: [2, 3]}]
ignore: [255]
splits:
  train: {images: images/train, labels: labels/train}
  val: {images: images/val, labels: labels/val}
"""


class Page(HTMLParser):
    """The text, the pictures and the rows of tables of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.alternatives, self.links, self.rows = "", [], [], []
        self.hidden = self.in_cell = False
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.hidden = tag in {"style", "script"}
        if tag == "img":
            self.alternatives.append(values.get("alt"))
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
            self.in_cell = True
        self.links += [values[name] for name in ("src", "href") if name in values]

    def handle_endtag(self, tag: str) -> None:
        self.in_cell = self.in_cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.text += f" {data}"
            if self.in_cell:
                self.rows[-1][-1] = (self.rows[-1][-1] + data).strip()

    def row(self, *first: str) -> list[str]:
        """The row that begins with these cells."""
        (row,) = [row for row in self.rows if tuple(row[: len(first)]) == first]
        return row


@cache
def photograph(seed: int) -> np.ndarray:
    return generate_scene(seed).image


def write(root: Path, split: str, name: str, image: np.ndarray, labels: np.ndarray) -> None:
    for kind, pixels in (("images", image), ("labels", labels)):
        (root / kind / split).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(root / kind / split / f"{name}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five images to train and three to validate, of which two are copies; one label map is empty."""
    root = tmp_path / "garden"
    for number in range(5):
        labels = np.zeros((160, 320))
        labels[80:] = 1
        labels[20:100, 100:104] = 2 + number % 2
        write(root, "train", f"t{number}", photograph(number), labels)
    for number, source in enumerate([1, 2, 7]):
        image = np.clip(photograph(source).astype(int) + 4, 0, 255)
        write(root, "val", f"v{number}", image, np.full((160, 320), 255 if number == 2 else 1))
    (root / "dataset.yaml").write_text(DESCRIPTION)
    return root


def page_of(root: Path, long_side: int | None = None) -> Page:
    index = read_dataset(root)
    path = root.parent / "out" / "check.html"
    write_check_page(index, check_dataset(index, cache=root.parent / "cache"), path, long_side)
    return Page(path)


def test_the_page_loads_nothing_and_describes_every_picture(root: Path) -> None:
    page = page_of(root)
    assert page.links and all(link is not None and link.startswith("data:") for link in page.links)
    assert page.alternatives and all(page.alternatives)
    assert "t0.png: photograph under the colours of its label map; sky, road & path, pole" in page.alternatives
    assert not re.search(r"url\(|@import|<script", (root.parent / "out/check.html").read_text())


def test_raw_values_with_their_shares_by_split(root: Path) -> None:
    page = page_of(root)
    pole = 100 * 80 * 4 / (160 * 320)
    assert page.row("2", "pole") == ["2", "pole", f"{pole * 3 / 5:.2f}", "3", "0.00", "0"]
    assert page.row("3", "pole") == ["3", "pole", f"{pole * 2 / 5:.2f}", "2", "0.00", "0"]
    assert page.row("1", "road & path")[2:] == [f"{50 - 100 * 20 * 4 / (160 * 320):.2f}", "5", "66.67", "2"]
    assert page.row("255", "ignored")[2:] == ["0.00", "0", "33.33", "1"]


def test_warnings_near_duplicates_and_suspicious_images(root: Path) -> None:
    page = page_of(root)
    assert "2 images look almost like an image of another split (val ~ train:" in page.text
    assert "Alike in two splits: 2 pairs" in page.text
    assert "val: images/val/v0.png ~ train: images/train/t1.png" in page.text
    assert {"v0.png in val", "t1.png in train", "v1.png in val", "t2.png in train"} <= set(page.alternatives)
    assert "Nothing is labelled: 1 image" in page.text
    assert "val: images/val/v2.png – all pixels are ignored" in page.text
    assert "Almost only one class: 2 images" in page.text
    assert "val: images/val/v0.png – 100.00 % is road & path" in page.text


def test_sizes_of_objects(root: Path) -> None:
    assert page_of(root).row("pole")[1:] == ["5", "4", "100.0 %", "100.0 %"]
    # The sky is in two halves beside the pole, 216 and 100 pixels wide and 80 high, and 20 rows over it connect them.
    assert page_of(root).row("sky")[1:] == ["5", "80", "0.0 %", "0.0 %"]
    page = page_of(root, long_side=30)
    assert page.row("sky")[1:] == ["5", "80", "0.0 %", "0.0 %", "100.0 %", "100.0 %"]
    assert "Training resizes the long side of each image to 30 pixels first" in page.text


def test_a_sound_data_set_has_nothing_to_blame(root: Path) -> None:
    shutil.rmtree(root / "images/val")
    shutil.rmtree(root / "labels/val")
    (root / "dataset.yaml").write_text(DESCRIPTION.replace("  val: {images: images/val, labels: labels/val}\n", ""))
    text = page_of(root).text
    for heading in ("Problems", "Warnings", "Suspicious images"):
        assert f"{heading} None." in text
    assert "5 of 5, chosen to show every class" in text
    assert "320 x 160 5" in text


def test_problems_are_listed_and_their_images_passed_over(root: Path) -> None:
    (root / "images/train/t0.png").write_bytes(b"damaged")
    Image.fromarray(np.full((160, 320), 77, np.uint8)).save(root / "labels/train/t3.png")
    page = page_of(root)
    assert "Training refuses this data set" in page.text
    assert f"cannot read {root}/images/train/t0.png as an image" in page.text
    assert "t3.png has undeclared value 77 (51200 pixels)" in page.text
    assert page.row("77")[:4] == ["77", "undeclared: an error", "20.00", "1"]
    assert "3 of 5, chosen" in page.text


@pytest.mark.parametrize("name", ["MOST_PROBLEMS", "MOST_SUSPECTS", "MOST_PAIRS"])
def test_what_is_not_shown_is_said(root: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_page, name, 1)
    for number in (3, 4):
        (root / f"images/train/t{number}.png").unlink()
    text = page_of(root).text
    if name == "MOST_PROBLEMS":
        assert "and 1 more, which encnet check prints" in text
    elif name == "MOST_SUSPECTS":
        assert "1 more val: images/val/v1.png – 100.00 % is road & path" in text
    else:
        assert "1 more val: images/val/v1.png ~ train: images/train/t2.png" in text


def test_a_split_without_label_maps_shows_its_photographs(root: Path) -> None:
    (root / "images/test").mkdir()
    Image.fromarray(photograph(20)).save(root / "images/test/x.png")
    (root / "dataset.yaml").write_text(f"{DESCRIPTION}  test: {{images: images/test}}\n")
    page = page_of(root)
    assert "x.png: photograph" in page.alternatives
    assert page.row("1", "road & path")[-2:] == ["–", "0"]


def test_an_image_that_vanished_since_the_check_is_named(root: Path) -> None:
    index = read_dataset(root)
    report = check_dataset(index, cache=root.parent / "cache")
    (root / "images/train/t0.png").unlink()
    with pytest.raises(InputError, match=r"there is no file .*t0\.png"):
        write_check_page(index, report, root.parent / "check.html")
    assert not (root.parent / "check.html").exists()


def test_an_empty_split_and_many_classes(root: Path) -> None:
    index = read_dataset(root)
    index = DatasetIndex(index.name, root, index.labels, {**index.splits, "test": ()}, absent={"extra": "not here"})
    path = root.parent / "check.html"
    write_check_page(index, check_dataset(index, cache=root.parent / "cache"), path)
    text = Page(path).text
    assert "0 of 0, chosen" in text
    assert "there is no split extra: not here" in text
