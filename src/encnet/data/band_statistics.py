"""Statistics of the bands of a training split: its range of values, and mean and standard deviation of its bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from encnet.data.dataset import DatasetIndex
from encnet.data.file_cache import default_cache
from encnet.data.pixels import scaled
from encnet.data.sample_files import ImageFile, stamp
from encnet.data.source import ImageSource
from encnet.system.errors import InputError
from encnet.system.files import write_text

IMAGES: int = 100
"""Upper bound on the number of images that are measured, spread evenly over the split."""
PIXELS: int = 20_000
"""Upper bound on the number of pixels that are measured of an image, drawn with a seed of their own."""
_VERSION = 2


class BandStatistics(NamedTuple):
    """Mean and standard deviation of each band, for values in 0-1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


def with_measured_range(index: DatasetIndex, split: str = "train", cache: Path | None = None) -> DatasetIndex:
    """The data set with the percentiles of its source replaced by values, one pair per band.

    Args:
        index: the data set; without percentiles it is returned unchanged.
        split: the split whose images are measured.
        cache: folder that keeps the result until an image changes. Default: as for ``check_dataset``.

    Raises:
        InputError: the split is empty, an image cannot be read, or a band has one value only.
    """
    source, percentiles = index.source, index.source.percentiles
    if percentiles is None:
        return index

    def measure(values: np.ndarray) -> list[list[float]]:
        return np.percentile(values, percentiles, axis=0).T.tolist()

    pairs = _cached("range", measure, index, split, cache)
    for band, (low, high) in zip(source.bands or (1, 2, 3), pairs, strict=True):
        if low >= high:
            raise InputError(
                f"{index.root}: the percentiles {percentiles[0]:g} and {percentiles[1]:g} of band {band} are both"
                f" {low:g} in the split '{split}'; give value_range as numbers, or leave the band out",
                "value_range",
            )
    return replace(index, source=replace(source, value_range=pairs, percentiles=None))


def band_statistics(index: DatasetIndex, split: str = "train", cache: Path | None = None) -> BandStatistics:
    """Mean and standard deviation of each band over the pixels with data, after scaling to 0-1.

    Args:
        index: the data set; its source has no percentiles.
        split: the split whose images are measured.
        cache: as for :func:`with_measured_range`.

    Raises:
        InputError: the split is empty, or an image cannot be read.
    """

    def measure(values: np.ndarray) -> list[list[float]]:
        fill = (0,) * values.shape[1]
        shares = np.asarray(scaled(values[:, None], index.source.value_range, fill, None))[:, 0] / 255
        # A band of one value would be divided by zero; one grey level leaves it near zero.
        return [shares.mean(axis=0).tolist(), np.maximum(shares.std(axis=0), 1 / 255).tolist()]

    mean, std = _cached("statistics", measure, index, split, cache)
    return BandStatistics(tuple(round(value, 6) for value in mean), tuple(round(value, 6) for value in std))


def _cached(
    kind: str, measure: Callable[[np.ndarray], list[list[float]]], index: DatasetIndex, split: str, cache: Path | None
) -> list[list[float]]:
    """The result of ``measure`` for the sampled values (N, C) of a split, from the cache if no image changed."""
    paths = _spread([sample.image for sample in index.split(split) if sample.image.is_file()])
    if not paths:
        raise InputError(f"the split '{split}' of {index.root} has no image to measure", "train")
    stats = [stamp(path) for path in paths]
    key = hashlib.blake2b(repr((_VERSION, kind, index.source, stats)).encode(), digest_size=16).hexdigest()
    file = (cache or default_cache()) / f"bands-{key}.json"
    with suppress(OSError, ValueError):
        return json.loads(file.read_text(encoding="utf-8"))
    values = np.concatenate([_sampled(index.source, path, seed) for seed, path in enumerate(paths)])
    if not len(values):
        raise InputError(f"the images of the split '{split}' of {index.root} have no pixel with data", "train")
    result = measure(values)
    with suppress(InputError):  # a read-only home makes the next run slower, not wrong
        write_text(file, json.dumps(result), recorded=False)
    return result


def _spread(paths: list[ImageFile]) -> list[ImageFile]:
    chosen = np.linspace(0, len(paths) - 1, min(IMAGES, len(paths))).round().astype(int)
    return [paths[index] for index in chosen]


def _sampled(source: ImageSource, path: ImageFile, seed: int) -> np.ndarray:
    """Values (N, C) of at most :data:`PIXELS` pixels with data, the same in every run."""
    values, valid, _ = source.values(path)
    pixels = values.reshape(-1, values.shape[2]) if valid is None else values[valid]
    if len(pixels) > PIXELS:
        pixels = pixels[np.random.default_rng(seed).integers(0, len(pixels), PIXELS)]
    return pixels
