"""Images and label maps in folders, with or without a dataset.yaml.

Without one, the folders are ``images/{train,val,test}`` and ``labels/{...}``; or ``{train,val,test}/images`` and
``.../labels``; or flat ``images`` and ``labels``, of which every fifth sample becomes val. ``masks`` and
``annotations`` may replace ``labels``. The classes are then the values or colours in the label maps.
"""

from __future__ import annotations

from pathlib import Path

from encnet.data.dataset import SPLITS, DatasetIndex, Sample
from encnet.data.formats.dataset_yaml import FILE_NAME, read_dataset_yaml
from encnet.data.formats.image_settings import read_image_settings
from encnet.data.formats.pairs import pair
from encnet.data.formats.scan import scan_labels
from encnet.data.source import PHOTOGRAPHS
from encnet.system.errors import InputError

_LABEL_FOLDERS = ("labels", "masks", "annotations")


def detect(root: Path) -> bool:
    """Whether ``root`` has a dataset.yaml or one of the arrangements of folders."""
    return (root / FILE_NAME).is_file() or bool(_split_folders(root)) or _flat_folders(root) is not None


def read(root: Path) -> DatasetIndex:
    """The data set in ``root``, from its dataset.yaml or else from its folders and a scan of all label maps.

    Raises:
        InputError: dataset.yaml has a mistake, a folder is missing, or the label maps are of two kinds or have more
            values or colours than there can be classes.
    """
    source = PHOTOGRAPHS
    if (root / FILE_NAME).is_file():
        settings = read_image_settings(root / FILE_NAME)
        if settings is None:
            return read_dataset_yaml(root / FILE_NAME)
        source = settings
    splits = {split: pair(images, labels) for split, (images, labels) in _split_folders(root).items()}
    flat = _flat_folders(root)
    if not splits and flat is not None:
        splits = _every_fifth_to_val(pair(*flat))
    if not splits:
        raise InputError(
            f"{root} has neither a {FILE_NAME} nor images/ beside labels/, masks/ or annotations/; arrange it as"
            f" images/{{train,val}} and labels/{{train,val}} or write a {FILE_NAME}"
        )
    maps = sorted({sample.label for samples in splits.values() for sample in samples if sample.label is not None})
    labels = scan_labels([path for path in maps if path.is_file()], root)
    return DatasetIndex(root.resolve().name, root, labels, splits, source=source)


def _split_folders(root: Path) -> dict[str, tuple[Path, Path | None]]:
    """Split -> folders of images and of label maps, in the two arrangements with one folder per split."""
    for images_of, labels_of in (("images/{split}", "{labels}/{split}"), ("{split}/images", "{split}/{labels}")):
        folders = {}
        for split in SPLITS:
            images = root / images_of.format(split=split)
            candidates = [root / labels_of.format(split=split, labels=labels) for labels in _LABEL_FOLDERS]
            labels = next((folder for folder in candidates if folder.is_dir()), None)
            if images.is_dir() or labels is not None:
                # A test split often comes without label maps; in other splits, reading the missing folder is an error.
                folders[split] = (images, labels if split == "test" else labels or candidates[0])
        if folders:
            return folders
    return {}


def _flat_folders(root: Path) -> tuple[Path, Path] | None:
    labels = next((root / name for name in _LABEL_FOLDERS if (root / name).is_dir()), None)
    return None if labels is None or not (root / "images").is_dir() else (root / "images", labels)


def _every_fifth_to_val(samples: tuple[Sample, ...]) -> dict[str, tuple[Sample, ...]]:
    train = tuple(sample for index, sample in enumerate(samples) if index % 5 != 4)
    return {"train": train, "val": samples[4::5]} if len(samples) >= 5 else {"train": train}
