"""What to write into dataset.yaml for a folder of rasters and vectors, which no format recognises."""

from __future__ import annotations

from pathlib import Path

from encnet.data.formats.label_rasters import RASTER_SUFFIXES
from encnet.data.geo.vectors import VECTOR_SUFFIXES

_ALSO_OTHER_DATA = frozenset({".json", ".parquet", ".sqlite", ".kml"})  # suffixes that say nothing about vectors


def rasters_hint(root: Path) -> str | None:
    """The end of a message: the key of dataset.yaml for the vectors in a folder; None if it holds none beside rasters.

    Args:
        root: the folder, of which the files and those of its folders are looked at.
    """
    files = [path for pattern in ("*", "*/*") for path in sorted(root.glob(pattern)) if not path.name.startswith(".")]
    vectors = [path for path in files if path.suffix.lower() in VECTOR_SUFFIXES - _ALSO_OTHER_DATA]
    rasters = [path for path in files if path.suffix.lower() in RASTER_SUFFIXES]
    if not vectors or not rasters:
        return None
    folder = rasters[0].parent
    images = rasters[0] if folder == root else folder
    return (
        f"; it holds vectors: to label rasters with them, write a dataset.yaml with `rasters: {{images:"
        f" {images.relative_to(root).as_posix()}, labels: {vectors[0].relative_to(root).as_posix()}, val: 0.2}}`, and"
        " `encnet check` says what else it needs"
    )
