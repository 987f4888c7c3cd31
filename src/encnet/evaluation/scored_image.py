"""What is kept of a scored image: counts of its pixels and presence, from which all scores are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from encnet.evaluation.image_scores import ImageScore
from encnet.metrics.disagreement import disagreement
from encnet.metrics.scores import Scores


@dataclass(frozen=True, eq=False)
class ScoredImage:
    """The counts of an image; the scores of an evaluation are those of all its images."""

    file: str
    """Path of the image, relative to the data set."""
    cells: np.ndarray
    """(n, 3) int64: true class, predicted class and number of pixels of each pair that occurs."""
    pixels: np.ndarray
    """(classes,) int64: number of pixels that are predicted as each class, also where the truth is unknown."""
    presence: np.ndarray | None
    """(classes,) float32 probability that each class is in the image; None if the model does not predict presence."""
    seconds: float
    """Seconds since the previous image was scored."""

    def confusion(self) -> Tensor:
        """(classes, classes) int64: the confusion matrix of the image."""
        counts = torch.zeros(len(self.pixels), len(self.pixels), dtype=torch.int64)
        true, predicted, numbers = torch.from_numpy(self.cells).unbind(1)
        counts[true, predicted] = numbers
        return counts

    def score(self, names: Sequence[str]) -> ImageScore:
        """The scores of the image."""
        scores = Scores(tuple(names), self.confusion().numpy())
        shares = self.pixels / max(1, self.pixels.sum())
        contradiction = None if self.presence is None else disagreement(shares, self.presence)
        return ImageScore(self.file, scores.mean_iou, scores.pixel_accuracy, contradiction)

    def to_dict(self) -> dict[str, Any]:
        """The image as JSON types, without loss."""
        return {
            "file": self.file,
            "cells": self.cells.tolist(),
            "pixels": self.pixels.tolist(),
            "presence": None if self.presence is None else self.presence.tolist(),
            "seconds": self.seconds,
        }

    @classmethod
    def of(cls, values: dict[str, Any], classes: int) -> ScoredImage:
        """The image that :meth:`to_dict` described.

        Raises:
            ValueError, KeyError, TypeError: it is no description of an image with so many classes.
        """
        cells = np.array(values["cells"], np.int64).reshape(-1, 3)
        pixels = np.array(values["pixels"], np.int64)
        presence = None if values["presence"] is None else np.array(values["presence"], np.float32)
        if any(each is not None and each.shape != (classes,) for each in (pixels, presence)):
            raise ValueError("another number of classes")
        if cells.size and (cells.min() < 0 or cells[:, :2].max() >= classes):
            raise ValueError("a class is out of range")
        return cls(str(values["file"]), cells, pixels, presence, float(values["seconds"]))


def cells_of(confusion: Tensor) -> np.ndarray:
    """(n, 3) int64: the pairs that occur in a confusion matrix, as :attr:`ScoredImage.cells`."""
    places = confusion.nonzero()
    return torch.cat([places, confusion[places[:, 0], places[:, 1]][:, None]], dim=1).cpu().numpy()
