"""Further data sets of real photographs, drawn from one: at half its resolution, and of its thin and small classes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.accuracy_scores import small_classes
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.formats import read_dataset
from encnet.data.formats.dataset_yaml_writer import write_dataset_yaml
from encnet.data.labels import LabelSet
from encnet.data.pixels import picture
from encnet.system.errors import InputError
from encnet.system.progress import progress_bar

SPLITS = ("train", "val")
OTHERS, THIN = "others", "thin"
"""Classes of the second data set."""


def write_derived(folder: str | Path, dataset: str | Path) -> list[Path]:
    """Writes two data sets with the photographs of a third, with the splits train and val.

    NAME_half has photographs and label maps at half the height and width. NAME_thin has two classes, the thin and small
    classes (:func:`benchmarks.accuracy_scores.small_classes`) and all others, as road cracks are among roads.

    Args:
        folder: where the folders of the two are created.
        dataset: folder of the data set.

    Returns:
        The two folders.

    Raises:
        InputError: the data set lacks a split, or thin and small classes; or a folder is there already.
    """
    index = read_dataset(dataset)
    for split in SPLITS:
        index.split(split)
    thin = small_classes(index)
    if not thin:
        raise InputError(f"{dataset} has no thin or small classes; give another data set", "dataset")
    roots = [Path(folder, f"{index.name}_{kind}") for kind in ("half", "thin")]
    for root in roots:
        if root.exists():
            raise InputError(f"{root} is there already; choose another folder", "out")
    two = LabelSet.plain([OTHERS, THIN])
    with progress_bar() as bar:
        for split in SPLITS:
            for image, label, name in bar.track(list(_named(index, split)), description=f"{index.name} {split}"):
                photograph = picture(index.source.read(image).pixels)
                classes = index.labels.load(label)
                half = photograph.resize((photograph.width // 2, photograph.height // 2), Image.Resampling.BILINEAR)
                smaller = Image.fromarray(classes).resize(half.size, Image.Resampling.NEAREST)
                _save(roots[0], split, name, half, np.asarray(smaller))
                of_thin = np.where(classes == index.labels.ignore, two.ignore, np.isin(classes, thin))
                _save(roots[1], split, name, photograph, of_thin.astype(np.uint8))
    places = {split: {kind: f"{kind}/{split}" for kind in ("images", "labels")} for split in SPLITS}
    for root, labels in zip(roots, (LabelSet.plain(index.labels.names), two), strict=True):
        write_dataset_yaml(root / "dataset.yaml", labels, places, root.name)
    return roots


def _named(index: DatasetIndex, split: str) -> Iterable[tuple[Path, Path, str]]:
    """Photograph, label map and a name for both, of each sample."""
    for number, sample in enumerate(index.split(split)):
        image, label = _files(sample)
        yield image, label, f"{number:04d}_{image.stem}.png"


def _files(sample: Sample) -> tuple[Path, Path]:
    image, label = sample
    if not (isinstance(image, Path) and isinstance(label, Path)):
        raise InputError(f"{image} is no file with a label map; give a data set of photographs", "dataset")
    return image, label


def _save(root: Path, split: str, name: str, image: Image.Image, label: np.ndarray) -> None:
    for kind, content in (("images", image), ("labels", Image.fromarray(label))):
        (root / kind / split).mkdir(parents=True, exist_ok=True)
        content.save(root / kind / split / name)
