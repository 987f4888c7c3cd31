"""Which columns of a Hugging Face data set are images and label maps, and what its classes are called."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from encnet.system.errors import InputError

_LABEL_WORDS = ("label", "mask", "annotation", "segment", "target", "ground_truth", "gt")
_CLASSES = "id2label.json"  # number of a class -> its name, as many data sets and models on the Hub have it


def choose_columns(features: Mapping[str, Any], columns: Sequence[str], source: str) -> tuple[str, str]:
    """The names of the columns of images and of label maps.

    Args:
        features: column -> its type.
        columns: both names, if the user gave them.
        source: the data set, for messages.

    Raises:
        InputError: there is no such column, or the names and types do not tell which columns they are.
    """
    import datasets

    pictures = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    arrays = [name for name, feature in features.items() if _is_array(feature)]
    listed = f"the columns are {', '.join(features)}, with images in {', '.join(pictures) or 'none'}"
    if columns:
        if len(columns) != 2 or not set(columns) <= {*features} or columns[0] not in pictures:
            raise InputError(f"{source} has no such column of images and column of label maps; {listed}", "columns")
        if columns[1] not in (*pictures, *arrays):
            raise InputError(f"the column '{columns[1]}' of {source} holds no label maps; {listed}", "columns")
        return columns[0], columns[1]
    labels = [name for name in (*pictures, *arrays) if any(word in name.lower() for word in _LABEL_WORDS)]
    images = [name for name in pictures if name not in labels]
    if len(labels) != 1 or len(images) != 1:
        raise InputError(
            f"the names of the columns of {source} do not tell which holds the images and which the label maps;"
            f" {listed}; give both names",
            "columns",
        )
    return images[0], labels[0]


def class_names(feature: Any, source: str) -> dict[int, str] | None:
    """Value -> name of its class; None if the data set does not say.

    The type of the label maps tells if they are arrays of class labels, and else a file id2label.json in the folder.

    Raises:
        InputError: id2label.json is not as it should be.
    """
    inner = feature
    while hasattr(inner, "feature"):
        inner = inner.feature
    if hasattr(inner, "names") and inner is not feature:
        return dict(enumerate(inner.names))
    path = Path(source) / _CLASSES
    if not path.is_file():
        return None
    try:
        return {int(number): str(name) for number, name in sorted(json.loads(path.read_bytes()).items(), key=_number)}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is not an object of numbers and names of classes; correct it") from error


def _number(entry: tuple[str, Any]) -> int:
    return int(entry[0])


def _is_array(feature: Any) -> bool:
    """Whether a column holds lists of lists, or arrays of two dimensions."""
    depth = len(getattr(feature, "shape", ()))
    while hasattr(feature, "feature"):
        feature, depth = feature.feature, depth + 1
    return depth in (2, 3)
