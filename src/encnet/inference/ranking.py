"""Ranks predictions by the disagreement between pixels and presence: which of them to look at first."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from encnet.inference.segmentation import Segmentation
from encnet.metrics.disagreement import ClassDisagreement
from encnet.system.errors import InputError
from encnet.system.files import write_text
from encnet.system.outputs import check_outputs
from encnet.system.text import shown

if TYPE_CHECKING:
    from rich.table import Table

    from encnet.inference.predictor import Predictor

RANKING: str = "ranking"
"""Stem of the file of a ranking."""


class RankedImage(NamedTuple):
    """The entry of a prediction in a ranking."""

    file: str  #: path of the image
    stem: str  #: stem of the files of its prediction
    score: float  #: score of :class:`encnet.metrics.disagreement.Disagreement`, 0-1
    classes: list[ClassDisagreement]  #: the classes with the largest disagreement


class Ranking:
    """Predictions ranked by the disagreement between pixels and presence, largest first; ties keep their order.

    Only a few numbers per prediction are kept, not its pixels.

    Args:
        predictor: the predictor of these predictions.

    Raises:
        InputError: its model does not predict class presence.
    """

    def __init__(self, predictor: Predictor) -> None:
        if not predictor.description.presence:
            raise InputError(
                f"{predictor.source or 'the model'} does not predict class presence, which a ranking compares with"
                " the pixels; predict without ranking, or take a model that was built with se=True",
                "rank",
            )
        self._images: list[RankedImage] = []

    def add(self, segmentation: Segmentation, stem: str) -> None:
        """Adds a prediction whose files are named ``stem``."""
        disagreement = segmentation.disagreement()
        assert disagreement is not None
        file = stem if segmentation.path is None else str(segmentation.path)
        self._images.append(RankedImage(file, stem, disagreement.score, disagreement.doubtful(segmentation.names)))

    @property
    def images(self) -> Sequence[RankedImage]:
        """The images, largest disagreement first."""
        return sorted(self._images, key=lambda image: -image.score)

    def to_dict(self) -> dict[str, Any]:
        """The images as JSON types, largest disagreement first, each with the classes with the largest disagreement."""
        return {
            "images": [
                {
                    "file": image.file,
                    "labels": f"{image.stem}.png",
                    "disagreement": round(image.score, 6),
                    "classes": [
                        {
                            "name": entry.name,
                            "disagreement": round(entry.disagreement, 6),
                            "presence": round(entry.presence, 6),
                            "share": round(entry.share, 6),
                        }
                        for entry in image.classes
                    ],
                }
                for image in self.images
            ]
        }

    def save(self, folder: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Writes ranking.json into a folder and returns its path.

        Args:
            folder: folder for the file; it is created if needed.
            overwrite: whether to replace a ranking.json that encnet did not write, or that was changed since.

        Raises:
            InputError: the folder cannot be written to, or holds such a file.
        """
        path = Path(folder, f"{RANKING}.json")
        check_outputs([path], overwrite=overwrite, argument="folder")
        write_text(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")
        return path

    def table(self, most: int = 20) -> Table:
        """A table of the first ``most`` images, each with the classes with the largest disagreement."""
        from rich.table import Table

        images = self.images
        rest = f"; {len(images) - most} more in {RANKING}.json" if len(images) > most else ""
        table = Table(title="look at these first", caption=f"disagreement between pixels and presence, 0 to 1{rest}")
        table.add_column("image", overflow="fold")
        table.add_column("disagreement", justify="right")
        table.add_column("largest for")
        for image in images[:most]:
            table.add_row(shown(image.file), f"{image.score:.3f}", "\n".join(map(str, image.classes)))
        return table
