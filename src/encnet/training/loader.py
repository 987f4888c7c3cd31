"""Training samples: their order, a function of (seed, epoch) alone, a place in it to resume from, who reads them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler

from encnet.data.dataset import SampleKey, SegmentationDataset


class EpochBatches(Sampler[list[SampleKey]]):
    """The batches of one epoch that belong to one process.

    The samples are shuffled by (seed, epoch) and dealt to all processes; what does not fill a batch for each of them
    waits for another epoch. A data set smaller than that is repeated until it fills one.

    Attributes:
        epoch: whose order is given, to be set before iterating.
        start: batches of it to skip.
    """

    def __init__(self, samples: int, batch_size: int, seed: int, rank: int = 0, processes: int = 1) -> None:
        self.samples = samples
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.processes = processes
        self.epoch = 0
        self.start = 0

    def __len__(self) -> int:
        return max(1, self.samples // (self.batch_size * self.processes))

    def __iter__(self) -> Iterator[list[SampleKey]]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(self.samples, generator=generator).tolist()
        needed = len(self) * self.batch_size * self.processes
        order = (order * -(-needed // len(order)))[:needed]
        mine = order[self.rank :: self.processes]
        for batch in range(self.start, len(self)):
            indices = mine[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield [SampleKey(self.epoch, index) for index in indices]


def reading_processes(workers: int | None, devices: int = 1) -> int:
    """How many processes read images: ``workers``, or, for None, what suits this machine.

    That is a core each, one left for training, up to eight; at least one, so that reading and computing overlap.

    Args:
        workers: what was asked for.
        devices: training processes that share this machine.
    """
    if workers is not None:
        return workers
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, max(1, cores // devices - 1))


class TrainLoader(DataLoader[Any]):
    """A DataLoader that knows where in which epoch it is, so that a run resumes with the very next batch.

    Its state is the place after the last batch that was handed out; what workers have read ahead does not count. Each
    of them computes with one thread, stays for all epochs, and reads up to two batches ahead.

    Attributes:
        waited: seconds in which a batch was asked for and not yet there, since the loader was made.
    """

    def __init__(self, dataset: SegmentationDataset, batches: EpochBatches, workers: int, pin_memory: bool) -> None:
        super().__init__(
            dataset,
            batch_sampler=batches,  # pyright: ignore[reportArgumentType]
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pin_memory,
        )
        self.batches = batches
        self.epoch = 0
        self.consumed = 0
        self.waited = 0.0

    def __iter__(self) -> Iterator[Any]:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self.consumed == len(self):  # the last epoch's end, which Lightning does not ask for
            self.epoch += 1
            self.consumed = 0
        self.batches.epoch = self.epoch
        self.batches.start = self.consumed
        asked = time.perf_counter()
        for batch in super().__iter__():
            self.waited += time.perf_counter() - asked
            self.consumed += 1
            yield batch
            asked = time.perf_counter()

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "consumed": self.consumed}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch = state["epoch"]
        self.consumed = state["consumed"]
