"""How a model uses its codewords over many images, and which of them it does not use."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from encnet.errors import InputError
from encnet.explanation.observation import Explainable, Observer
from encnet.inference.reading import ImageInput, open_ahead

LEAST_USE = 0.1
"""A codeword that has a smaller part of its equal share, 1/K of the pixels, is not in use."""


@dataclass(frozen=True, eq=False)
class CodewordUse:
    """How much the K codewords are used over the images of a data set."""

    name: str
    """Of the data set."""
    images: int
    """Number of images."""
    share: np.ndarray
    """(K,) share of all pixels, by assignment, that each codeword has; sums to 1."""
    highest: np.ndarray
    """(K,) the highest share of the pixels of one image that each codeword has."""
    strongest: np.ndarray
    """(K,) share of all pixels of which each codeword has more than any other."""
    semantics: np.ndarray
    """(C,) mean of the encoded semantics e: the average context."""

    @property
    def dead(self) -> np.ndarray:
        """Indices of the codewords that no image uses: in none do they have a tenth of an equal share, 0.1/K."""
        return np.flatnonzero(self.highest < LEAST_USE / len(self.highest))


def codeword_use(
    model: Explainable,
    images: Sequence[ImageInput],
    name: str = "these images",
    device: str | torch.device = "auto",
    progress: bool = False,
) -> CodewordUse:
    """Measures the use of codewords over images, each at the size at which the model is to see it.

    Args:
        model: a model with a context encoding, what ``encnet.load`` takes, or a predictor.
        images: files, PIL images or uint8 RGB arrays (H, W, 3).
        name: of the data set.
        device: as :class:`encnet.Predictor` takes it.
        progress: show a bar on stderr.

    Raises:
        InputError: there is no image, an image cannot be read, or the model cannot be explained.
    """
    if not images:
        raise InputError(f"{name} has no images; codewords are used by at least one")
    observer = Observer(model, device)
    K, C = observer.context.semantics.encoding.codewords.shape
    mass, highest, strongest, semantics = (np.zeros(n) for n in (K, K, K, C))
    pixels = 0
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with (
        Progress(*columns, console=Console(stderr=True), disable=not progress) as bar,
        closing(open_ahead(images, observer.predictor.preprocessing, ahead=2)) as futures,
    ):
        task = bar.add_task(f"codewords over {name}", total=len(images))
        for future in futures:
            observed = observer(future.result().seen)
            A = observed.assignment.flatten(1)
            own = A.sum(dim=1, dtype=torch.float64).cpu().numpy()
            mass += own
            highest = np.maximum(highest, own / A.shape[1])
            strongest += np.bincount(A.argmax(dim=0).cpu().numpy(), minlength=K)
            semantics += observed.semantics.sum(dim=0, dtype=torch.float64).cpu().numpy()
            pixels += A.shape[1]
            bar.advance(task)
    return CodewordUse(
        name, len(images), mass / pixels, highest, strongest / pixels, (semantics / len(images)).astype(np.float32)
    )
