"""What a check says about the bands of a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from band_files import write_bands
from PIL import Image
from sample_paths import path_of

from encnet.data.band_check import different_images, image_notes
from encnet.data.check import check_dataset
from encnet.data.formats import read_dataset
from encnet.data.image_facts import ImageFacts
from encnet.data.sample_files import ImageFile
from encnet.data.source import PHOTOGRAPHS, ImageSource

USUAL = ImageFacts((5, 5), 4, "uint16")


def test_images_unlike_most_are_named() -> None:
    facts: dict[ImageFile, ImageFacts] = {Path(name): USUAL for name in "abc"}
    assert not list(different_images(facts, ImageSource((1, 2))))
    facts |= {Path("d"): USUAL._replace(bands=3), Path("e"): USUAL._replace(dtype="uint8")}
    found = dict(different_images(facts, ImageSource((1, 2))))
    assert list(found) == [Path("d"), Path("e")]
    assert found[Path("d")].startswith("d has 3 bands of uint16, but most photographs of the data set have 4 bands of")


def test_grey_and_rgb_photographs_may_be_mixed() -> None:
    facts: dict[ImageFile, ImageFacts] = {Path("a"): ImageFacts((5, 5), 1), Path("b"): ImageFacts((5, 5), 3)}
    assert not list(different_images(facts, PHOTOGRAPHS))


def test_alpha_and_further_pages_are_noted() -> None:
    facts: dict[ImageFile, ImageFacts] = {Path(name): ImageFacts((5, 5), 3, alpha=True, pages=2) for name in "abcde"}
    alpha, pages = (message for _, message in image_notes(facts, PHOTOGRAPHS))
    assert alpha.startswith("transparency is not used: a, b, c, ... (5 photographs) have an alpha band; if it holds")
    assert "`bands: [1, 2, 3, 4]`" in alpha
    assert pages == "only the first page is used: a, b, c, ... (5 photographs) have several pages or frames"
    assert len(list(image_notes(facts, ImageSource((1, 4))))) == 1  # the alpha band is used


def test_a_check_names_files_with_other_bands(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name, bands in (("a", 4), ("b", 4), ("c", 5)):
        write_bands(root / f"images/train/{name}.tif", np.ones((4, 5, bands), np.uint16))
        (root / "labels/train").mkdir(parents=True, exist_ok=True)
        Image.new("L", (5, 4)).save(root / f"labels/train/{name}.png")
    (root / "dataset.yaml").write_text("bands: [1, 4]\nvalue_range: [0, 4095]\n")
    index = read_dataset(root)
    for _ in range(2):  # the second time from the cache
        (problem,) = check_dataset(index, tmp_path / "cache").problems
        assert path_of(problem.file).name == "c.tif" and "has 5 bands of uint16" in problem.message
