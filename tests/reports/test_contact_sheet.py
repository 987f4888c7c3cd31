"""The choice of samples for a contact sheet, and their small pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_paths import path_of

from encnet.data.dataset import Sample
from encnet.data.findings import Findings
from encnet.data.inspection import LabelFinding, PhotographFinding
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.source import ImageSource
from encnet.reports.contact_sheet import MOST_SHOWN, choose_samples, labelled_thumbnail, thumbnail

LABELS = LabelSet.plain(["sky", "road"], [(0, 0, 200), (200, 0, 0)])


def made(*classes: dict[int, int] | None) -> tuple[list[Sample], Findings]:
    """Samples with so many pixels of each class; None is a sample without a label map."""
    samples = [Sample(Path(f"{i}.jpg"), None if c is None else Path(f"{i}.png")) for i, c in enumerate(classes)]
    images = {sample.image: PhotographFinding((4, 3), None) for sample in samples}
    labels = {
        sample.label: LabelFinding((4, 3), None, tuple(counts.items()))
        for sample, counts in zip(samples, classes, strict=True)
        if sample.label is not None and counts is not None
    }
    return samples, Findings(images, labels)


@pytest.mark.parametrize(
    ("classes", "most", "names", "shows"),
    [
        # the rare class 2 first, in the image that shows the most; then nothing is missing
        ([{0: 9}, {0: 9, 2: 1}, {0: 9, 1: 9, 2: 1}, {1: 9}], 1, "2", [(0, 1, 2)]),
        # class 3 is in one image only, class 2 in two
        ([{2: 1, 0: 1}, {2: 1}, {3: 1}, {0: 5}, {0: 5}], 2, "20", [(3,), (0, 2)]),
        # among equals the most pixels of the rare class
        ([{1: 3}, {1: 7}, {1: 5}], 1, "1", [(1,)]),
        # ignored pixels are no class, and the rest of the sheet is filled up evenly
        ([{IGNORE: 4}, {0: 1}, {IGNORE: 1}, {IGNORE: 1}], 3, "103", [(0,), (), ()]),
        ([None] * 9, 3, "048", [(), (), ()]),
        ([], 3, "", []),
    ],
)
def test_choice(classes: list[dict[int, int] | None], most: int, names: str, shows: list[tuple[int, ...]]) -> None:
    chosen = choose_samples(*made(*classes), most=most)
    assert [choice.sample.image.stem for choice in chosen] == list(names)
    assert [choice.shows for choice in chosen] == shows


def test_every_class_is_shown_where_there_is_room() -> None:
    rng = np.random.default_rng(0)
    classes = [{int(c): 1 for c in rng.choice(40, 5)} for _ in range(200)]
    chosen = choose_samples(*made(*classes))
    assert len(chosen) == MOST_SHOWN
    assert len({choice.sample for choice in chosen}) == MOST_SHOWN
    seen = [c for choice in chosen for c in choice.shows]
    assert len(seen) == len(set(seen)) == 40


def test_samples_with_problems_are_passed_over() -> None:
    samples, findings = made({0: 1}, {0: 1}, {0: 1}, {0: 1})
    findings.images[samples[0].image] = PhotographFinding(None, "cannot read")
    del findings.images[samples[1].image]
    findings.labels[Path("2.png")] = LabelFinding((4, 3), "undeclared")
    assert [choice.sample for choice in choose_samples(samples, findings)] == [samples[3]]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_thumbnails_are_small_and_upright(suffix: str, mode: str, tmp_path: Path) -> None:
    if (suffix, mode) == ("png", "CMYK"):
        pytest.skip("PNG has no CMYK")
    path = tmp_path / f"a.{suffix}"
    pixels = np.zeros((600, 1000, 3), np.uint8)
    pixels[:, 500:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turned: the right half is shown below
    Image.fromarray(pixels).convert(mode).save(path, exif=exif)
    small = thumbnail(path, side=200)
    assert (small.size, small.mode) == ((120, 200), "RGB")
    shown = np.asarray(small.convert("L"), dtype=float)
    assert shown[:95].mean() < 5
    assert shown[105:].mean() > 250


def test_label_maps_lie_over_photographs(tmp_path: Path) -> None:
    sample = Sample(tmp_path / "a.png", tmp_path / "a_labels.png")
    Image.new("RGB", (300, 200), (100, 100, 100)).save(path_of(sample.image))
    classes = np.zeros((200, 300), np.uint8)
    classes[:, 100:200] = 1
    classes[:, 200:] = IGNORE
    Image.fromarray(classes).save(tmp_path / "a_labels.png")
    shown = np.asarray(labelled_thumbnail(sample, LABELS), dtype=int)
    assert shown.shape == (200, 300, 3)
    assert shown[100, 50].tolist() == [50, 50, 150], "half the photograph, half the class's colour"
    assert shown[100, 150].tolist() == [150, 50, 50]
    ignored = {tuple(color) for color in shown[:, 202:].reshape(-1, 3).tolist()}
    assert ignored == {(50, 50, 50), (190, 190, 190)}, "dark, and hatched"
    assert (shown[:, 202:, 0] == 190).mean() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_a_label_map_that_cannot_be_read_leaves_the_photograph(content: bytes | None, tmp_path: Path) -> None:
    sample = Sample(tmp_path / "a.png", tmp_path / "a_labels.png")
    Image.new("RGB", (30, 20), (100, 110, 120)).save(path_of(sample.image))
    if content is not None:
        (tmp_path / "a_labels.png").write_bytes(content)
    assert labelled_thumbnail(sample, LABELS).getcolors() == [(600, (100, 110, 120))]


def test_label_maps_drawn_on_stored_photographs_are_turned_with_them(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the left of the stored photograph is shown above
    Image.new("RGB", (300, 200), (100, 100, 100)).save(tmp_path / "a.jpg", exif=exif)
    classes = np.zeros((200, 300), np.uint8)
    classes[:, :150] = 1
    Image.fromarray(classes).save(tmp_path / "a.png")
    shown = np.asarray(labelled_thumbnail(Sample(tmp_path / "a.jpg", tmp_path / "a.png"), LABELS), dtype=int)
    assert shown.shape == (300, 200, 3)
    assert shown[50, 100].tolist() == [150, 50, 50]
    assert shown[250, 100].tolist() == [50, 50, 150]


def test_photographs_of_other_bands_are_shown_as_they_are_read(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 60), 3000, np.uint16)).save(tmp_path / "a.png")
    source = ImageSource(bands=(1, 1, 1), value_range=((1000.0, 5000.0),))
    assert thumbnail(tmp_path / "a.png", source=source).getcolors() == [(2400, (128, 128, 128))]
