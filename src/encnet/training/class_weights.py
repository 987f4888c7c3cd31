"""Weights that make rare classes count, and that can fade out over a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor


def class_weights(pixels: np.ndarray, power: float) -> Tensor:
    """(median frequency / frequency)^power, scaled so that the average pixel weighs 1.

    Args:
        pixels: (classes,) number of pixels of each class; a class without any gets the largest weight of the others.
        power: 0-1.

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
    """Lets the power of the class weights fall linearly, from its setting at the first step to 0 after the last.

    Weights get rare classes off the ground in few epochs, but a network that was trained with them to the end claims
    too many pixels for these classes. Faded out, they leave it with the frequencies that pixels have.

    Args:
        pixels: (classes,) number of pixels of each class.
        power: at the first step.
    """

    def __init__(self, pixels: np.ndarray, power: float) -> None:
        self.pixels = pixels
        self.power = power

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        left = 1 - trainer.global_step / trainer.estimated_stepping_batches
        weights: Tensor = pl_module.loss.class_weights  # pyright: ignore[reportAttributeAccessIssue, reportAssignmentType]
        weights.copy_(class_weights(self.pixels, self.power * max(0.0, left)))
