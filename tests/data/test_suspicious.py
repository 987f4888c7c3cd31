"""Each suspicion, of a data set in which exactly one image raises it."""

from __future__ import annotations

from pathlib import Path

import pytest

from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.findings import Findings
from encnet.data.inspection import LabelFinding, PhotographFinding
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.sample_files import ImageFile
from encnet.data.suspicious import Suspicion, suspicions

ROOT = Path("/data")
SOUND = PhotographFinding((400, 300), None, brightness=100.0, contrast=50.0)
LABELLED = LabelFinding((400, 300), None, ((0, 60), (1, 40)))


def found(
    special: PhotographFinding = SOUND, label: LabelFinding | None = LABELLED, combined: bool = False
) -> list[Suspicion]:
    """The suspicions of a data set of ten sound images, of brightness 95 to 104, and one special image."""
    samples = [Sample(ROOT / f"{i}.jpg", ROOT / f"{i}.png") for i in range(11)]
    samples[10] = Sample(samples[10].image, samples[10].label if label else None)
    images = {sample.image: SOUND._replace(brightness=95.0 + i) for i, sample in enumerate(samples)}
    labels = {sample.label: LABELLED for sample in samples if sample.label}
    images[samples[10].image] = special
    if label:
        labels[ROOT / "10.png"] = label
    splits = {"train": tuple(samples[:6]), "val": tuple(samples[6:])}
    if combined:
        splits["trainval"] = tuple(samples)
    index = DatasetIndex("data", ROOT, LabelSet.plain(["sky", "road"]), splits)
    return suspicions(index, Findings(images, labels))


@pytest.mark.parametrize(
    ("special", "label", "title", "detail"),
    [
        (SOUND, LABELLED._replace(pixels=((IGNORE, 100),)), "Nothing is labelled", "all pixels are ignored"),
        (
            SOUND,
            LABELLED._replace(pixels=((0, 1), (1, 199), (IGNORE, 800))),
            "Almost only one class",
            "99.50 % is road",
        ),
        (SOUND._replace(contrast=3.9), LABELLED, "Nothing to see", "standard deviation of the grey levels 3.9"),
        (
            SOUND._replace(brightness=200.0),
            LABELLED,
            "Unusual brightness",
            "mean grey level 200, median of all images 100",
        ),
        (
            SOUND._replace(size=(100, 300)),
            None,
            "Unusual size",
            "100 x 300 pixels, 0.25 times the median of all images",
        ),
        (
            SOUND._replace(size=(4000, 3000)),
            LABELLED,
            "Unusual size",
            "4000 x 3000 pixels, 100 times the median of all images",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value[0].isupper() else "",
)
@pytest.mark.parametrize("combined", [False, True])
def test_one_image_raises_one_suspicion(
    special: PhotographFinding, label: LabelFinding | None, title: str, detail: str, combined: bool
) -> None:
    (suspicion,) = found(special, label, combined)
    assert suspicion.title == title
    (suspect,) = suspicion.suspects
    assert (suspect.split, suspect.sample.image.name, suspect.detail) == ("val", "10.jpg", detail)


@pytest.mark.parametrize(
    ("special", "label"),
    [
        (SOUND, LABELLED),
        (SOUND, None),
        (SOUND, LABELLED._replace(pixels=((0, 99), (1, 1)))),
        (SOUND._replace(brightness=127.9), LABELLED),
        (SOUND._replace(size=(300, 400)), LABELLED),
        (PhotographFinding(None, "cannot read"), LABELLED),
        (SOUND, LabelFinding((4, 3), "undeclared")),
    ],
)
def test_sound_images_and_those_with_problems_raise_none(
    special: PhotographFinding, label: LabelFinding | None
) -> None:
    assert found(special, label) == []


def test_the_most_unusual_image_comes_first() -> None:
    images: dict[ImageFile, PhotographFinding] = {
        ROOT / f"{i}": SOUND._replace(brightness=brightness) for i, brightness in enumerate([90, 0, 90, 255, 90])
    }
    index = DatasetIndex("data", ROOT, LabelSet.plain(["a"]), {"test": tuple(Sample(path, None) for path in images)})
    (suspicion,) = suspicions(index, Findings(images))
    assert [suspect.sample.image.name for suspect in suspicion.suspects] == ["3", "1"]


def test_an_empty_data_set_raises_none() -> None:
    assert suspicions(DatasetIndex("data", ROOT, LabelSet.plain(["a"]), {"train": ()}), Findings()) == []
