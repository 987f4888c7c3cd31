"""The part of the page that shows a segmentation: overlay, table of classes, downloads."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from encnet.app.answer import Prediction, label_png
from encnet.inference.segmentation import Segmentation
from encnet.reports.html import css_color, picture, rendered
from encnet.reports.pictures import overlay

LONG_SIDE: int = 1600
"""Largest long side, in pixels, of pictures on the page; downloads have the size of the image."""


def viewer(segmentation: Segmentation, everywhere: Sequence[str] = ()) -> str:
    """Returns the HTML of a segmentation.

    The photograph, the colours and the class indices are three pictures of equal size. The browser lays the second over
    the first with the opacity of the slider, and reads the third to name the class under the pointer: a grey PNG, or
    with more than 255 classes an RGB PNG, as browsers reduce greys of 16 bits to 8.

    Args:
        segmentation: the segmentation to show.
        everywhere: names of classes that every training image has, whose presence therefore says nothing.
    """
    height, width = segmentation.labels.shape
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    photograph, labels = segmentation.image, segmentation.labels
    if size != (width, height):
        photograph = photograph.resize(size, Image.Resampling.BILINEAR, reducing_gap=2)
        labels = np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
    rows = _rows(segmentation)
    shown = [row for row in rows if row["share"] > 0 or row["note"] or (row["presence"] or 0) > 0.5]
    return rendered(
        "app_viewer.html",
        width=width,
        height=height,
        names=list(segmentation.names),
        photograph=picture(photograph, "the photograph", photograph=True),
        colors=picture(overlay(photograph, labels, segmentation.palette, opacity=1.0), "its classes as colours"),
        indices=picture(_indices(labels), ""),
        shown=shown,
        others=[row for row in rows if row not in shown],
        has_presence=segmentation.presence is not None,
        everywhere=everywhere,
        label_map=base64.b64encode(label_png(segmentation)).decode("ascii"),
        json=Prediction.of(segmentation).model_dump_json(indent=2, exclude_unset=True),
    )


def _indices(labels: np.ndarray) -> Image.Image:
    """Class indices as a picture for the script of the page: grey, or red + 256 · green for uint16."""
    if labels.dtype == np.uint8:
        return Image.fromarray(labels)
    parts = np.stack([labels & 255, labels >> 8, np.zeros_like(labels)], axis=2)
    return Image.fromarray(parts.astype(np.uint8))


def _rows(segmentation: Segmentation) -> list[dict[str, Any]]:
    """Name, colour, share, presence and contradictions of each class, by decreasing share."""
    disagreement = segmentation.disagreement()
    doubtful = set() if disagreement is None else {c.name for c in disagreement.contradictions(segmentation.names)}
    rows = []
    for entry in Prediction.of(segmentation).classes:
        note = ""
        if entry.name in doubtful:
            pixels = "few pixels" if entry.share else "no pixel"
            note = f"{pixels}, presence says yes" if (entry.presence or 0) > 0.5 else "presence says no"
        rows.append(
            {
                "name": entry.name,
                "color": css_color(entry.color),
                "share": entry.share,
                "presence": entry.presence,
                "note": note,
            }
        )
    return sorted(rows, key=lambda row: (-row["share"], -(row["presence"] or 0)))
