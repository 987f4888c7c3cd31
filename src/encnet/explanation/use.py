"""Use of the codewords over the images of a data set, and which codewords are dead."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch

from encnet.explanation.observation import Explainable, Observer
from encnet.inference.preprocessing import ImageInput
from encnet.system.errors import InputError
from encnet.system.progress import progress_bar

LEAST_USE: float = 0.1
"""Part of an equal share, 1/K of the pixels, below which a codeword counts as unused."""


@dataclass(frozen=True, eq=False)
class CodewordUse:
    """Use of the K codewords over the images of a data set."""

    name: str
    """Name of the data set."""
    images: int
    """Number of images."""
    share: np.ndarray
    """(K,) share of all pixels that is assigned to each codeword; sums to 1."""
    highest: np.ndarray
    """(K,) highest share of the pixels of a single image that is assigned to each codeword."""
    strongest: np.ndarray
    """(K,) share of all pixels that are assigned to each codeword more than to any other."""
    semantics: np.ndarray
    """(C,) mean of the encoded semantics e over the images: the average context."""

    @property
    def dead(self) -> np.ndarray:
        """Indices of the dead codewords: no image assigns to them a tenth of an equal share, 0.1/K of its pixels."""
        return np.flatnonzero(self.highest < LEAST_USE / len(self.highest))


def codeword_use(
    model: Explainable,
    images: Sequence[ImageInput],
    name: str = "these images",
    device: str | torch.device = "auto",
    progress: bool = False,
) -> CodewordUse:
    """Measures the use of codewords over images, each preprocessed as the model requires.

    Args:
        model: a model with a context encoding, a path or hub id as for ``encnet.load``, or a predictor.
        images: files, PIL images or uint8 arrays (H, W, C).
        name: name of the data set.
        device: as for :class:`encnet.Predictor`.
        progress: shows a progress bar on stderr.

    Raises:
        InputError: there is no image, an image cannot be read, or the model cannot be explained.
    """
    if not images:
        raise InputError(f"{name} has no images; give at least one", "images")
    observer = Observer(model, device)
    K, C = observer.context.semantics.encoding.codewords.shape
    mass, highest, strongest, semantics = (np.zeros(n) for n in (K, K, K, C))
    pixels = 0
    with (
        progress_bar(progress) as bar,
        closing(observer.predictor.preprocessing.open_ahead(images, ahead=2)) as futures,
    ):
        task = bar.add_task(f"codewords over {name}", total=len(images))
        for future in futures:
            observed = observer(future.result().seen)
            A = observed.assignment.flatten(1)
            image_mass = A.sum(dim=1, dtype=torch.float64).cpu().numpy()
            mass += image_mass
            highest = np.maximum(highest, image_mass / A.shape[1])
            strongest += np.bincount(A.argmax(dim=0).cpu().numpy(), minlength=K)
            semantics += observed.semantics.sum(dim=0, dtype=torch.float64).cpu().numpy()
            pixels += A.shape[1]
            bar.advance(task)
    return CodewordUse(
        name, len(images), mass / pixels, highest, strongest / pixels, (semantics / len(images)).astype(np.float32)
    )
