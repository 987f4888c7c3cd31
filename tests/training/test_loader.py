"""Order of training samples, resuming, waiting time, and the number of workers."""

from __future__ import annotations

import os
import time
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encnet.data.tensors import SampleKey
from encnet.training.loader import EpochBatches, TrainLoader, reading_processes


class Keys(torch.utils.data.Dataset[list[int]]):
    """Returns the key of each sample as the sample."""

    def __len__(self) -> int:
        return 11

    def __getitem__(self, key: SampleKey) -> list[int]:
        return [key.epoch, key.index]


def loader(workers: int = 0) -> TrainLoader:
    return TrainLoader(Keys(), EpochBatches(11, 3, seed=5), workers, pin_memory=False)  # pyright: ignore[reportArgumentType]


def keys(batches: list[list[torch.Tensor]]) -> list[list[tuple[int, ...]]]:
    return [list(zip(*(column.tolist() for column in batch), strict=True)) for batch in batches]


@given(
    samples=st.integers(1, 40),
    batch_size=st.integers(1, 7),
    processes=st.integers(1, 4),
    epoch=st.integers(0, 5),
    seed=st.integers(0, 9),
)
def test_processes_share_the_samples_of_an_epoch(
    samples: int, batch_size: int, processes: int, epoch: int, seed: int
) -> None:
    shares = []
    for rank in range(processes):
        batches = EpochBatches(samples, batch_size, seed, rank, processes)
        batches.epoch = epoch
        mine = list(batches)
        assert len(mine) == len(batches) >= 1
        assert all(len(batch) == batch_size and all(key.epoch == epoch for key in batch) for batch in mine)
        shares.append([key.index for batch in mine for key in batch])
    everything = [index for share in shares for index in share]
    assert set(everything) <= set(range(samples))
    if samples >= batch_size * processes:
        assert len(set(everything)) == len(everything)  # no sample twice
    assert all(len(a) == len(b) for a, b in pairwise(shares))


def test_the_next_epoch_follows_even_if_the_iterator_is_not_exhausted() -> None:
    complete = loader()
    epochs = [keys(list(complete)) for _ in range(3)]
    assert [[key[0] for batch in epoch for key in batch] for epoch in epochs] == [[n] * 9 for n in range(3)]
    assert epochs[0] != epochs[1]
    counted = loader()  # Lightning counts the batches and never exhausts the iterator
    for expected in epochs:
        iterator = iter(counted)
        assert keys([next(iterator) for _ in range(len(counted))]) == expected


def test_a_loader_resumes_with_the_next_batch_although_workers_read_ahead() -> None:
    reference = loader()
    expected = [keys(list(reference)) for _ in range(2)]
    for stop in range(1, 4):
        interrupted, resumed = loader(workers=2), loader(workers=2)
        iterator = iter(interrupted)
        before = keys([next(iterator) for _ in range(stop)])
        resumed.load_state_dict(interrupted.state_dict())
        rest = keys(list(resumed))
        if stop < 3:
            assert before + rest == expected[0]
        else:
            assert (before, rest) == (expected[0], expected[1])


def test_waited_is_the_time_until_each_batch_arrives() -> None:
    class Slow(Keys):
        def __getitem__(self, key: SampleKey) -> list[int]:
            time.sleep(0.02)
            return super().__getitem__(key)

    slow = TrainLoader(Slow(), EpochBatches(11, 3, seed=5), 0, pin_memory=False)  # pyright: ignore[reportArgumentType]
    for epoch in (1, 2):
        trained, waited_before, started = 0.0, slow.waited, time.perf_counter()
        for _ in slow:
            begin = time.perf_counter()
            time.sleep(0.1 * epoch)  # training, which is not waiting
            trained += time.perf_counter() - begin
        waited = slow.waited - waited_before
        assert waited >= 9 * 0.02
        assert waited + trained == pytest.approx(time.perf_counter() - started, abs=0.05)


def test_workers_leave_one_core_for_training() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert reading_processes(None) == min(8, max(1, cores - 1))
    assert reading_processes(None, devices=10 * cores) == 1
    assert [reading_processes(number) for number in (0, 3, 40)] == [0, 3, 40]
