"""The areas of the classes in all images of a prediction, as a table for a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from encnet.system.files import write_text
from encnet.system.text import cell

AREAS: str = "areas.csv"
"""Name of the table."""

COLUMNS: tuple[str, ...] = ("file", "class", "pixels", "share", "square_metres", "presence")


def write_areas(folder: str | os.PathLike[str], predictions: Iterable[Mapping[str, Any]]) -> Path:
    """Writes areas.csv: a row for each image and each class that has a pixel in it, the largest first.

    The columns are the image's file, the class, its number of pixels, its share of the pixels with data (0-1), its area
    in square metres if the image is a raster whose coordinates are lengths, and its presence (0-1) if the model
    predicts it. What is not known is empty.

    Args:
        folder: folder for the file; it is created if needed.
        predictions: what the JSON files of photographs and rasters hold.

    Raises:
        InputError: the file cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for prediction in predictions:
        presence, unit = prediction["presence"] or {}, prediction.get("square_metres_per_pixel")
        for name, share in prediction["shares"].items():
            pixels = prediction["pixels"][name]
            area = "" if unit is None else round(unit * pixels, 3)
            table.writerow((cell(prediction["file"]), cell(name), pixels, share, area, presence.get(name, "")))
    path = Path(folder, AREAS)
    write_text(path, text.getvalue())
    return path
