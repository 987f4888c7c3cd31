"""Lightning data module: the training and validation images of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Subset

from encnet.data.dataset import DatasetIndex
from encnet.data.pixels import fill_of
from encnet.data.sample_files import name_in
from encnet.data.tensors import SegmentationDataset
from encnet.data.transforms import evaluation_transform, training_transform
from encnet.model.info import ModelInfo
from encnet.system.processes import begin_reading
from encnet.training.config import DataConfig, TrainConfig
from encnet.training.loader import EpochBatches, TrainLoader, reading_processes


class TrainingData(pl.LightningDataModule):
    """Loads training crops in a seeded order, and validation images whole.

    Args:
        index: the data set.
        run: the settings of the run, which say how images are read and augmented.
        info: description of the model, for its normalisation.
    """

    def __init__(self, index: DatasetIndex, run: TrainConfig, info: ModelInfo) -> None:
        super().__init__()
        self.index: DatasetIndex = index
        self.run: TrainConfig = run
        self.config: DataConfig = run.data
        self.info: ModelInfo = info
        self.seed: int = run.seed
        self._loader: TrainLoader | None = None
        self._resumed_state: dict[str, int] = {}

    def train_dataloader(self) -> TrainLoader:
        config = self.config
        samples = self.index.split(config.train)
        fill = fill_of(self.info.mean)
        dataset = SegmentationDataset(
            samples,
            self.index.labels,
            self._transform(),
            self.seed,
            True,
            self.index.source,
            fill,
            moving=True,
            half=self._transform(0.5),
            kept_megabytes=config.kept_megabytes / max(1, self._workers()),
        )
        rank, processes = self._rank_and_processes()
        batches = EpochBatches(len(dataset), config.batch_size, self.seed, rank, processes)
        batches.half_batches = round(config.half_share * self.run.batches(len(batches)))
        self._loader = TrainLoader(dataset, batches, self._workers(), pin_memory=torch.cuda.is_available())
        if self._resumed_state:
            self._loader.load_state_dict(self._resumed_state)
        return self._loader

    def _transform(self, resolution: float = 1.0) -> Callable[..., Any]:
        """The augmentation; at another resolution than 1, crops show the same areas with fewer pixels."""
        config = self.config
        height, width = (round(resolution * length) for length in config.crop)
        smallest, largest = config.scale
        return training_transform(
            (height, width),
            self.info.mean,
            self.info.std,
            scale=(resolution * smallest, resolution * largest),
            rotation=config.rotation,
            flip=config.flip,
            jitter=config.jitter,
            base_size=config.base_size or config.long_side,
            base_side=config.base_side if config.base_size else "long",
            max_class_share=config.max_class_share,
            photometric=config.photometric,
            blur=config.blur,
        )

    @property
    def validation_images(self) -> int:
        """Number of validation images, over all processes."""
        return len(self.index.split(self.config.val))

    def names_of_batch(self) -> list[str]:
        """The training images of the batch that was read last, by their names in the data set."""
        assert self._loader is not None
        samples = self.index.split(self.config.train)
        return [name_in(self.index.root, samples[index].image) for index in self._loader.last_indices()]

    @property
    def half_batches(self) -> int:
        """Number of batches of the run, counted from its first, at half the resolution."""
        return self._loader.batches.half_batches if self._loader is not None else 0

    @property
    def waited(self) -> float:
        """Seconds that training has spent waiting for images so far."""
        return self._loader.waited if self._loader is not None else 0.0

    # Lightning restores the state of a loader only if the number of steps was not asked for before, and the learning
    # rate schedule asks for it. It restores the state of the data module first of all.
    def state_dict(self) -> dict[str, Any]:
        if self._loader is None:
            return {}
        batches = self._loader.batches
        return {**self._loader.state_dict(), "batches": len(batches), "processes": batches.processes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._resumed_state = state_dict

    def val_dataloader(self) -> DataLoader[Any]:
        """The loader of validation images: one by one, as their sizes may differ, and each in exactly one process."""
        transform = evaluation_transform(self.info.mean, self.info.std, self.config.long_side)
        samples, source, fill = self.index.split(self.config.val), self.index.source, fill_of(self.info.mean)
        dataset = SegmentationDataset(samples, self.index.labels, transform, source=source, fill=fill)
        rank, processes = self._rank_and_processes()
        # With more processes than images, the others predict an image too, so that all take part; it does not count.
        share = Subset(dataset, range(rank, len(dataset), processes) or range(1))
        return DataLoader(
            share,
            batch_size=1,
            num_workers=self._workers(),
            persistent_workers=self._workers() > 0,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=begin_reading,
        )

    def _workers(self) -> int:
        return reading_processes(self.config.workers, self.trainer.num_devices if self.trainer is not None else 1)

    def _rank_and_processes(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)
