"""The images of a run, for Lightning."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Subset

from encnet.data.dataset import DatasetIndex, SegmentationDataset
from encnet.data.transforms import evaluation_transform, training_transform
from encnet.model.info import ModelInfo
from encnet.training.config import DataConfig
from encnet.training.loader import EpochBatches, TrainLoader, reading_processes


class TrainingData(pl.LightningDataModule):
    """Loads training crops in seeded order and validation images whole.

    Args:
        index: what is on disk.
        config: how images are read and changed.
        info: of the model that reads them: its normalisation and the size it wants.
        seed: of order and augmentation.
    """

    def __init__(self, index: DatasetIndex, config: DataConfig, info: ModelInfo, seed: int) -> None:
        super().__init__()
        self.index = index
        self.config = config
        self.info = info
        self.seed = seed
        self._loader: TrainLoader | None = None
        self._place_in_order: dict[str, int] = {}

    def train_dataloader(self) -> TrainLoader:
        config = self.config
        transform = training_transform(
            config.crop,
            self.info.mean,
            self.info.std,
            scale=config.scale,
            rotation=config.rotation,
            flip=config.flip,
            jitter=config.jitter,
            base_size=config.base_size or config.long_side,
            base_side=config.base_side if config.base_size else "long",
            max_class_share=config.max_class_share,
            photometric=config.photometric,
            blur=config.blur,
        )
        samples = self.index.split(config.train)
        dataset = SegmentationDataset(samples, self.index.labels, transform, self.seed, pillow=True)
        rank, processes = self._place()
        batches = EpochBatches(len(dataset), config.batch_size, self.seed, rank, processes)
        self._loader = TrainLoader(dataset, batches, self._workers(), pin_memory=torch.cuda.is_available())
        if self._place_in_order:
            self._loader.load_state_dict(self._place_in_order)
        return self._loader

    @property
    def waited(self) -> float:
        """Seconds that training has waited for its images so far."""
        return self._loader.waited if self._loader is not None else 0.0

    # Lightning reads a loader's own state only if nobody has asked for the number of steps before, and the schedule of
    # the learning rate has; the data module's state it reads before anything else.
    def state_dict(self) -> dict[str, Any]:
        return self._loader.state_dict() if self._loader is not None else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._place_in_order = state_dict

    def val_dataloader(self) -> DataLoader[Any]:
        """Images one by one, since their sizes may differ, each on exactly one process."""
        transform = evaluation_transform(self.info.mean, self.info.std, self.config.long_side)
        dataset = SegmentationDataset(self.index.split(self.config.val), self.index.labels, transform)
        rank, processes = self._place()
        mine = Subset(dataset, range(rank, len(dataset), processes))
        return DataLoader(
            mine,
            batch_size=1,
            num_workers=self._workers(),
            persistent_workers=self._workers() > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def _workers(self) -> int:
        return reading_processes(self.config.workers, self.trainer.num_devices if self.trainer is not None else 1)

    def _place(self) -> tuple[int, int]:
        """(number of this process, number of processes)."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
