"""Training samples: deterministic order, resuming in the middle of an epoch, and the loader's worker processes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler

from encnet.data.tensors import SampleKey, SegmentationDataset
from encnet.system.processes import begin_reading


class EpochBatches(Sampler[list[SampleKey]]):
    """The batches of one process in one epoch.

    The order depends on (seed, epoch) alone. The shuffled samples are dealt to all processes; a rest that does not fill
    one batch per process is left out in that epoch. A data set too small for one batch per process is repeated.

    The first ``half_batches`` of a run are wanted at half the resolution.

    Args:
        samples: number of samples.
        batch_size: samples per batch and process.
        seed: seed of the order.
        rank: number of this process.
        processes: number of processes.
    """

    def __init__(self, samples: int, batch_size: int, seed: int, rank: int = 0, processes: int = 1) -> None:
        self.samples: int = samples
        self.batch_size: int = batch_size
        self.seed: int = seed
        self.rank: int = rank
        self.processes: int = processes
        self.epoch: int = 0
        """The epoch to iterate over; set it before iterating."""
        self.start: int = 0
        """Number of batches to skip."""
        self.half_batches: int = 0
        """Number of batches of the run, counted from its first, at half the resolution."""

    def __len__(self) -> int:
        return max(1, self.samples // (self.batch_size * self.processes))

    def __iter__(self) -> Iterator[list[SampleKey]]:
        share = self._share()
        for batch in range(self.start, len(self)):
            half = self.epoch * len(self) + batch < self.half_batches
            yield [SampleKey(self.epoch, index, half) for index in self._of_batch(share, batch)]

    def indices(self, batch: int) -> list[int]:
        """The samples of a batch of the current epoch."""
        return self._of_batch(self._share(), batch)

    def _of_batch(self, share: list[int], batch: int) -> list[int]:
        return share[batch * self.batch_size : (batch + 1) * self.batch_size]

    def _share(self) -> list[int]:
        """The samples of this process in the current epoch, in order."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(self.samples, generator=generator).tolist()
        needed = len(self) * self.batch_size * self.processes
        order = (order * -(-needed // len(order)))[:needed]
        return order[self.rank :: self.processes]


def reading_processes(workers: int | None, devices: int = 1) -> int:
    """The number of processes that read images for each training process.

    Args:
        workers: the setting; None is one process per core, less one core for training, and from one to eight: with at
            least one, reading and computing overlap.
        devices: training processes that share this machine.
    """
    if workers is not None:
        return workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, max(1, cores // devices - 1))


class TrainLoader(DataLoader[Any]):
    """A DataLoader that can be saved in the middle of an epoch, so that a run resumes with the next batch.

    Its state is the position after the last batch that it returned; batches that workers have read ahead do not count.
    Each worker computes with one thread, lives for all epochs, and reads up to two batches ahead.

    Args:
        dataset: the samples.
        batches: the order of the samples.
        workers: number of processes that read.
        pin_memory: copy batches into page-locked memory, for a GPU.
    """

    def __init__(self, dataset: SegmentationDataset, batches: EpochBatches, workers: int, pin_memory: bool) -> None:
        super().__init__(
            dataset,
            batch_sampler=batches,  # pyright: ignore[reportArgumentType]
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pin_memory,
            worker_init_fn=begin_reading,
        )
        self.batches: EpochBatches = batches
        self.epoch: int = 0
        self.consumed: int = 0
        """Batches of this epoch that were returned."""
        self.waited: float = 0.0
        """Seconds spent waiting for batches since the loader was made."""

    def __iter__(self) -> Iterator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self.consumed == len(self):  # Lightning does not iterate to the end of an epoch
            self.epoch += 1
            self.consumed = 0
        self.batches.epoch = self.epoch
        self.batches.start = self.consumed
        requested = time.perf_counter()
        for batch in super().__iter__():
            self.waited += time.perf_counter() - requested
            self.consumed += 1
            yield batch
            requested = time.perf_counter()

    def last_indices(self) -> list[int]:
        """The samples of the batch that was returned last."""
        return self.batches.indices(self.consumed - 1)

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "consumed": self.consumed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch = state["epoch"]
        self.consumed = state["consumed"]
