"""The keys of dataset.yaml that say how photographs are read: bands, value_range, orientation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from encnet.data.source import ImageSource, Orientation
from encnet.system.errors import InputError
from encnet.system.text import quoted

KEYS: frozenset[str] = frozenset({"bands", "value_range", "orientation"})
"""Keys of dataset.yaml that :func:`image_source` reads."""


def image_source(document: Mapping[str, Any], path: Path) -> ImageSource:
    """The source of photographs that a dataset.yaml describes.

    Args:
        document: the content of the file.
        path: the file, for messages.

    Raises:
        InputError: a key has a mistake.
    """
    settings = {key: document[key] for key in KEYS if key in document}
    for key, value in settings.items():
        if value is None:
            raise InputError(f"{path}: `{key}` is empty; give its value, or leave it out")
    orientation = settings.get("orientation")
    if orientation not in (None, *get_args(Orientation)):
        raise InputError(f"{path}: `orientation` must be shown or stored, not {quoted(orientation)}")
    value_range, percentiles = settings.get("value_range"), None
    if isinstance(value_range, dict):
        value_range, percentiles = None, _percentiles(value_range, path)
    bands = settings.get("bands")
    if bands is not None and not isinstance(bands, list):
        raise InputError(
            f"{path}: `bands` must be a list of band numbers, [1, 2, 3, 4] for example, not {quoted(bands)}"
        )
    try:
        return ImageSource(None if bands is None else tuple(bands), value_range, percentiles, orientation)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _percentiles(value: dict[Any, Any], path: Path) -> tuple[float, float]:
    percentiles = value.get("percentiles")
    pair = percentiles if isinstance(percentiles, list) else []
    if set(value) != {"percentiles"} or len(pair) != 2 or not all(type(number) in (int, float) for number in pair):
        raise InputError(
            f"{path}: `value_range` must be [low, high], one such pair per band, or {{percentiles: [0.5, 99.5]}}, not"
            f" {quoted(value)}"
        )
    return float(pair[0]), float(pair[1])
