"""Class weights that strengthen rare classes, and that can fade out during training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor


def class_weights(pixels: np.ndarray, power: float) -> Tensor:
    """(median frequency / frequency)^power, scaled so that the mean weight over all pixels is 1.

    Args:
        pixels: (classes,) number of pixels of each class. A class without pixels gets the largest weight of the others.
        power: exponent, 0-1.

    Returns:
        (classes,) float32, positive.
    """
    counts = pixels.astype(np.float64)
    seen = counts > 0
    if not seen.any():
        return torch.ones(len(counts))
    counts[~seen] = counts[seen].min()
    weights = (np.median(counts[seen]) / counts) ** power
    weights /= (weights * pixels).sum() / pixels.sum()
    return torch.as_tensor(weights, dtype=torch.float32)


class FadingClassWeights(pl.Callback):
    """Lowers the power of the class weights linearly, from its initial value at the first step to 0 after the last.

    Weights help the network learn rare classes in few epochs, but a network that is trained with them to the end
    predicts these classes for too many pixels. Fading the weights out restores the true class frequencies.

    Args:
        pixels: (classes,) number of pixels of each class.
        power: exponent at the first step, 0-1.
    """

    def __init__(self, pixels: np.ndarray, power: float) -> None:
        self.pixels: np.ndarray = pixels
        self.power: float = power

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        remaining = 1 - trainer.global_step / trainer.estimated_stepping_batches
        weights: Tensor = pl_module.loss.class_weights  # pyright: ignore[reportAttributeAccessIssue, reportAssignmentType]
        weights.copy_(class_weights(self.pixels, self.power * max(0.0, remaining)))
