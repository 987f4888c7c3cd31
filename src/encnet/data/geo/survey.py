"""Counts what each window of a raster holds, once: pixels with data, by raw label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from encnet.data.file_cache import cache_path, read_cached
from encnet.data.geo.window import Window
from encnet.data.geo.window_labels import WindowLabels
from encnet.data.source import ImageSource
from encnet.system.progress import progress_bar

_VERSION = 2

WITHOUT_LABELS: int = -1
"""The key of the pixels with data in a window that has no labels."""


def survey(
    parts: Sequence[Window | WindowLabels], source: ImageSource, root: Path, cache: Path | None = None
) -> Mapping[Window | WindowLabels, Mapping[int, int]]:
    """Raw label -> number of pixels with data, in each window. A file that is missing has no result.

    Args:
        parts: windows without labels, or the labels of windows.
        source: how rasters are read: pixels without data in one of its bands do not count.
        root: folder of the data set.
        cache: folder of the results of the last time; None is the user's cache folder.
    """
    with progress_bar(bool(parts)) as bar:
        task = bar.add_task("surveying rasters", total=len(parts))
        return read_cached(
            parts,
            lambda part: _counts(part, source),
            cache_path("windows", root, cache),
            f"{_VERSION} {source!r}",
            lambda counts: [[value, number] for value, number in counts.items()],
            lambda pairs: {int(value): int(number) for value, number in pairs},
            lambda: bar.advance(task),
        )


def _counts(part: Window | WindowLabels, source: ImageSource) -> dict[int, int]:
    if isinstance(part, Window):
        valid = part.valid(source.bands)
        pixels = part.rectangle.height * part.rectangle.width if valid is None else int(np.count_nonzero(valid))
        return {WITHOUT_LABELS: pixels} if pixels else {}
    values, numbers = np.unique(part.with_data(source.bands), return_counts=True)
    return dict(zip(values.tolist(), numbers.tolist(), strict=True))
