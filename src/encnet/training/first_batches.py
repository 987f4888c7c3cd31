"""A picture of the first batches of a run, as the network sees them: wrong labels and augmentation are seen at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl

from encnet.reports.batches import batches_picture
from encnet.system.files import replacing
from encnet.training.module import TrainingModule

PICTURE = "batches.png"
NUMBER = 3
"""Number of batches."""


class FirstBatches(pl.Callback):
    """Writes ``batches.png``: the first batches of the first process, after augmentation and normalisation.

    It copies the batches that training gets anyway, so that the order of the samples stays the same.

    Args:
        folder: folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder: Path = folder
        self._batches: list[tuple[np.ndarray, np.ndarray]] = []
        self._written = False

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self._written or not trainer.is_global_zero:
            return
        images, labels = (tensor.detach().cpu().numpy().copy() for tensor in batch)
        self._batches.append((images, labels))
        if len(self._batches) == NUMBER:
            self._write(pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._write(pl_module)  # a run of fewer batches

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._write(pl_module)

    def _write(self, pl_module: pl.LightningModule) -> None:
        if self._written or not self._batches:
            return
        assert isinstance(pl_module, TrainingModule)
        info = pl_module.model.info
        palette = [(red, green, blue) for red, green, blue in info.palette]
        picture = batches_picture(self._batches, info.mean, info.std, info.classes, palette)
        with replacing(self.folder / PICTURE) as temporary:
            picture.save(temporary)
        self._batches, self._written = [], True
