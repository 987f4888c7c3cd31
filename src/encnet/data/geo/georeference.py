"""Where GeoTIFFs lie on the ground, by their headers, and label maps that lie elsewhere than their photographs.

Photographs and label maps that are files are read pixel on pixel; only those of ``rasters`` are placed by their
coordinates (:func:`encnet.data.geo.raster_labels.grid_of`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from encnet.data.dataset import DatasetIndex
from encnet.data.geo.coordinates import coordinates
from encnet.data.image_facts import tiff_tags
from encnet.data.sample_files import files_of
from encnet.system.ledger import NAMED

_SUFFIXES = (".tif", ".tiff")
_SCALE, _TIEPOINTS, _MATRIX, _KEYS = 33550, 33922, 34264, 34735  # tags of a GeoTIFF
_RASTER_TYPE, _PIXEL_IS_POINT = 1025, 2  # the key, and the value of coordinates that are of the centres of pixels
_CORNERS = ("upper left", "upper right", "lower left", "lower right")
_TOLERANCE = 0.5  # pixels of the photograph

Transform = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): column and row are at (a · column + b · row + c, d · column + e · row + f)."""


class Place(NamedTuple):
    """Where a GeoTIFF lies."""

    size: tuple[int, int]  #: (width, height) in pixels
    transform: Transform  #: from the outer corner of the first pixel

    @property
    def corners(self) -> np.ndarray:
        """The coordinates, (4, 2), of its corners in the order of ``_CORNERS``."""
        width, height = self.size
        return coordinates(self.transform, [(0, 0), (width, 0), (0, height), (width, height)])


def place_of(path: Path) -> Place | None:
    """Where a GeoTIFF lies, by its tags; None if the file is no TIFF, is damaged, or does not say it.

    World files and ground control points are not read.
    """
    tags = tiff_tags(path)
    transform: Transform | None = None
    if len(matrix := tags.get(_MATRIX, ())) == 16:
        a, b, _, c, d, e, _, f = matrix[:8]
        transform = (a, b, c, d, e, f)
    elif len(scale := tags.get(_SCALE, ())) >= 2 and len(tie := tags.get(_TIEPOINTS, ())) == 6:
        transform = (scale[0], 0.0, tie[3] - tie[0] * scale[0], 0.0, -scale[1], tie[4] + tie[1] * scale[1])
    if transform is None:
        return None
    keys = tags.get(_KEYS, ())
    if any(keys[i] == _RASTER_TYPE and keys[i + 3] == _PIXEL_IS_POINT for i in range(4, len(keys) - 3, 4)):
        ((x, y),) = coordinates(transform, [(-0.5, -0.5)]).tolist()
        a, b, _, d, e, _ = transform
        transform = (a, b, x, d, e, y)
    return Place((int(tags[256]), int(tags[257])), transform)


def displaced_label_maps(index: DatasetIndex) -> Iterator[tuple[Path, str]]:
    """The first label map that lies elsewhere than its photograph by the georeference of both; with a sentence.

    Label maps of another size are left out: they are a problem in any case.
    """
    displaced: list[tuple[Path, str]] = []
    for image, label in {sample for samples in index.splits.values() for sample in samples}:
        if label is None or not isinstance(image, Path) or image.suffix.lower() not in _SUFFIXES:
            continue
        if (place := place_of(image)) is None:
            continue
        for file in files_of(label):
            other = place_of(file)
            if other is not None and (difference := _difference(place, other)):
                displaced.append((file, f"{file} and {image}: {difference}"))
                break
    if displaced:
        displaced.sort()
        number = len(displaced)
        yield (
            displaced[0][0],
            f"{number} label map{'s' * (number != 1)} {'lies' if number == 1 else 'lie'} on other ground than"
            f" {'its photograph' if number == 1 else 'their photographs'} by the georeference of both"
            f" ({'; '.join(text for _, text in displaced[:NAMED])}{'; ...' if number > NAMED else ''}), but"
            f" {'it is' if number == 1 else 'they are'} read pixel on pixel; if the georeference is right, read them"
            " by the key `rasters` of dataset.yaml, which places labels by their coordinates",
        )


def _difference(photograph: Place, label: Place) -> str:
    """How far apart the corner is that differs most; empty if that is less than ``_TOLERANCE``."""
    if photograph.size != label.size:
        return ""
    a, b, _, d, e, _ = photograph.transform
    apart = np.linalg.norm(label.corners - photograph.corners, axis=1)
    corner = int(apart.argmax())
    if apart[corner] <= _TOLERANCE * abs(a * e - b * d) ** 0.5:
        return ""
    (x, y), (other_x, other_y) = label.corners[corner].tolist(), photograph.corners[corner].tolist()
    return f"the {_CORNERS[corner]} corner is at ({x:.10g}, {y:.10g}) and ({other_x:.10g}, {other_y:.10g})"
