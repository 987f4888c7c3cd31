"""A prediction: label map, presence of each class, overlay, and the files that hold them."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from encnet.data.label_image import label_image
from encnet.data.palette import Color
from encnet.data.sample_files import ImageFile, files_of
from encnet.metrics.disagreement import Disagreement, disagreement
from encnet.reports.pictures import overlay_with_legend
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.files import encoded, replacing_together
from encnet.system.outputs import check_outputs

CONFIDENCE = "_confidence"
"""What the name of a map of confidences has beside the stem."""
PROBABILITIES = "_probabilities"
"""What the name of a file of the probabilities of all classes has beside the stem."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The prediction of one image."""

    labels: np.ndarray
    """(H, W) class indices, at the size of the image: uint8, and 255 for pixels without data; or uint16, and 65535 for
    them, with more than 255 classes."""
    presence: np.ndarray | None
    """(classes,) float32 probability, 0-1, that each class is in the image; None if the model does not predict it."""
    names: tuple[str, ...]
    """Names of the classes."""
    palette: tuple[Color, ...]
    """RGB colour of each class, 0-255."""
    image: Image.Image
    """The image as an RGB picture: of other bands the first three, or the first in grey."""
    path: ImageFile | None = None
    """The file of the image; None if it was in memory."""
    confidence: np.ndarray | None = None
    """(H, W) float32 probability, 0-1, of the class that each pixel has; None if it was not computed."""
    probabilities: np.ndarray | None = None
    """(classes, H, W) float32 probabilities, 0-1, of all classes; None if they are not wanted."""
    threshold: float | None = None
    """Of two classes, the probability from which a pixel has the second; None is one half."""

    def pixels(self) -> list[int]:
        """Number of pixels of each class."""
        return np.bincount(self.labels.ravel(), minlength=len(self.names))[: len(self.names)].tolist()

    def shares(self) -> dict[str, float]:
        """Share of the pixels, 0-1, by class name, for the classes that occur; largest first."""
        return _falling({name: n / self.labels.size for name, n in zip(self.names, self.pixels(), strict=True) if n})

    def disagreement(self) -> Disagreement | None:
        """Disagreement between pixels and presence: the higher, the likelier a mistake. None if the model does not
        predict class presence.
        """
        if self.presence is None:
            return None
        pixels = np.array(self.pixels())
        return disagreement(pixels / max(1, pixels.sum()), self.presence)

    def overlay(self, opacity: float = 0.5, clear: Sequence[str] = ()) -> Image.Image:
        """The image blended with the colours of its classes, beside a legend with shares and presence.

        Args:
            opacity: opacity of the colours, 0-1.
            clear: names of classes that are left without colour, the background for example.

        Raises:
            InputError: the opacity is not in 0-1, or there is no class of a name.
        """
        if not 0 <= opacity <= 1:
            raise InputError(f"opacity is {opacity}; it must be from 0 to 1", "opacity")
        without_color = class_indices(clear, self.names)
        return overlay_with_legend(
            self.image, self.labels, self.names, self.palette, self.presence, opacity, without_color
        )

    def _repr_png_(self) -> bytes:
        """The overlay as a PNG file, which notebooks show."""
        buffer = io.BytesIO()
        self.overlay().save(buffer, "PNG")
        return buffer.getvalue()

    def label_map(self) -> Image.Image:
        """The label map as an image: its values are class indices, its colours are class colours.

        With more than 255 classes, it has grey levels of 16 bits, and no colours.
        """
        return label_image(self.labels, self.palette)

    def to_dict(self) -> dict[str, Any]:
        """The file, the size in pixels, presence and shares by class name, highest first, the pixels of each class, the
        score of :meth:`disagreement`, and the threshold if there is one, as JSON types.
        """
        presence = None
        if self.presence is not None:
            presence = _falling(dict(zip(self.names, self.presence.tolist(), strict=True)))
        disagreement = self.disagreement()
        height, width = self.labels.shape
        return {
            "file": None if self.path is None else str(self.path),
            "width": width,
            "height": height,
            "presence": presence,
            "shares": self.shares(),
            "pixels": {name: n for name, n in zip(self.names, self.pixels(), strict=True) if n},
            "disagreement": None if disagreement is None else round(disagreement.score, 6),
            **({} if self.threshold is None else {"threshold": self.threshold}),
        }

    def save(
        self,
        folder: str | os.PathLike[str],
        stem: str | None = None,
        overlay: bool = True,
        opacity: float = 0.5,
        overwrite: bool = False,
        clear: Sequence[str] = (),
    ) -> list[Path]:
        """Writes the label map ``<stem>.png``, ``<stem>_overlay.png`` and ``<stem>.json`` into a folder, all or none;
        if there is a confidence, ``<stem>_confidence.png``: grey levels, 255 times the probability; and if there are
        probabilities, ``<stem>_probabilities.npz`` for NumPy: ``probabilities``, float16 (classes, H, W), and their
        names, ``classes``.

        The label map is a palette PNG: its values are class indices, its colours are class colours. With more than 255
        classes, it is a grey PNG of 16 bits.

        Args:
            folder: folder for the files; it is created if needed.
            stem: stem of the file names; None takes that of the image's file, or ``image``.
            overlay: whether to write the overlay.
            opacity: opacity of the overlay's colours, 0-1.
            overwrite: whether to replace files that encnet did not write, or that were changed since.
            clear: names of classes that the overlay leaves without colour.

        Returns:
            The files written.

        Raises:
            InputError: the folder cannot be written to, a file would replace the image or one that encnet did not
                write, the opacity is not in 0-1, or there is no class of a name.
        """
        stem = stem or (self.path.stem if self.path else "image")
        files = result_files(folder, stem, overlay, self.confidence is not None, self.probabilities is not None)
        check_outputs(files, [] if self.path is None else files_of(self.path), overwrite, "folder")
        pictures = [self.label_map(), *([self.overlay(opacity, clear)] if overlay else [])]
        if self.confidence is not None:
            pictures.append(Image.fromarray(np.rint(255 * self.confidence).astype(np.uint8)))
        with replacing_together(files) as temporaries:
            for picture, temporary in zip(pictures, temporaries, strict=False):
                picture.save(temporary)
            if self.probabilities is not None:
                with temporaries[-2].open("wb") as file:  # savez would add a suffix to a name
                    arrays = {"probabilities": self.probabilities.astype(np.float16), "classes": np.array(self.names)}
                    np.savez_compressed(file, **arrays)
            temporaries[-1].write_bytes(encoded(json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"))
        return files


def result_files(
    folder: str | os.PathLike[str],
    stem: str,
    overlay: bool = True,
    confidence: bool = False,
    probabilities: bool = False,
) -> list[Path]:
    """The files that :meth:`Segmentation.save` writes: label map; overlay, confidence, probabilities if any; JSON."""
    endings = (
        *(".png", *(["_overlay.png"] if overlay else [])),
        *([f"{CONFIDENCE}.png"] if confidence else []),
        *([f"{PROBABILITIES}.npz"] if probabilities else []),
        ".json",
    )
    return [Path(folder, f"{stem}{ending}") for ending in endings]


def class_indices(names: Sequence[str], classes: Sequence[str]) -> tuple[int, ...]:
    """The indices of names among the classes.

    Raises:
        InputError: there is no class of a name.
    """
    for name in names:
        require(name in classes, "clear", repr(name), f"the name of a class: {', '.join(classes)}")
    return tuple(classes.index(name) for name in names)


def _falling(values: dict[str, float]) -> dict[str, float]:
    """The values, highest first, rounded to 6 digits."""
    return {name: round(value, 6) for name, value in sorted(values.items(), key=lambda item: -item[1])}
