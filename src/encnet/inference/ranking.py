"""Which predictions to look at first: images ranked by how far their pixels and their presence disagree."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from encnet.disagreement import ClassDisagreement
from encnet.errors import InputError
from encnet.files import write_text
from encnet.inference.segmentation import Segmentation

if TYPE_CHECKING:
    from rich.table import Table

    from encnet.inference.predictor import Predictor

RANKING = "ranking"
"""Name of the file, without suffix, that a ranking is written to."""


class RankedImage(NamedTuple):
    """What the ranking keeps of a prediction."""

    file: str  #: of the image
    stem: str  #: name of the files of its prediction, without suffix
    score: float  #: of :class:`encnet.disagreement.Disagreement`, 0-1
    classes: list[ClassDisagreement]  #: on which they disagree most


class Ranking:
    """Predictions, those first whose pixels and presence disagree most; of equal ones in the order they came.

    A few numbers are kept of each, not its pixels.

    Args:
        predictor: whose predictions they are.

    Raises:
        InputError: its model does not say which classes are in an image.
    """

    def __init__(self, predictor: Predictor) -> None:
        if not predictor.description.presence:
            raise InputError(
                f"{predictor.source or 'the model'} does not say which classes are in an image, so that nothing can"
                " disagree with its pixels; leave out --rank, or take a model that was built with se=True"
            )
        self._images: list[RankedImage] = []

    def add(self, segmentation: Segmentation, stem: str) -> None:
        """Takes a prediction, whose files are called ``stem``."""
        found = segmentation.disagreement()
        assert found is not None
        file = stem if segmentation.path is None else str(segmentation.path)
        self._images.append(RankedImage(file, stem, found.score, found.doubtful(segmentation.names)))

    @property
    def images(self) -> Sequence[RankedImage]:
        """The worst first."""
        return sorted(self._images, key=lambda image: -image.score)

    def to_dict(self) -> dict[str, Any]:
        """JSON types: the images, the worst first, each with the classes on which pixels and presence disagree most."""
        return {
            "images": [
                {
                    "file": image.file,
                    "labels": f"{image.stem}.png",
                    "disagreement": round(image.score, 6),
                    "classes": [
                        {
                            "name": each.name,
                            "disagreement": round(each.disagreement, 6),
                            "presence": round(each.presence, 6),
                            "share": round(each.share, 6),
                        }
                        for each in image.classes
                    ],
                }
                for image in self.images
            ]
        }

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Writes ranking.json into a folder and returns its path.

        Raises:
            InputError: the folder cannot be written to.
        """
        path = Path(folder, f"{RANKING}.json")
        write_text(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")
        return path

    def table(self, most: int = 20) -> Table:
        """The ``most`` worst images, each with the classes on which pixels and presence disagree most."""
        from rich.table import Table

        images = self.images
        rest = f"; {len(images) - most} more in {RANKING}.json" if len(images) > most else ""
        table = Table(title="look at these first", caption=f"disagreement of pixels and presence, 0 to 1{rest}")
        table.add_column("image", overflow="fold")
        table.add_column("disagreement", justify="right")
        table.add_column("above all on")
        for image in images[:most]:
            table.add_row(image.file, f"{image.score:.3f}", "\n".join(map(str, image.classes)))
        return table
