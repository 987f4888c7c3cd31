"""Speed of reading training images, by step and by number of reading processes, beside the speed of training."""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torchvision import tv_tensors

from benchmarks.comparison import check_sizes
from benchmarks.measure import machine, median_seconds
from benchmarks.steps import sgd_step
from encnet.checkpoint.create import create_model
from encnet.data.formats import read_dataset
from encnet.data.scenes import write_scenes
from encnet.data.scenes.scene import MIN_HEIGHT, MIN_WIDTH
from encnet.losses.encnet_loss import EncNetLoss
from encnet.system.errors import InputError
from encnet.system.files import write_text
from encnet.system.memory import keep_freed_memory
from encnet.training.config import DataConfig, TrainConfig
from encnet.training.datamodule import TrainingData
from encnet.training.loader import TrainLoader

STEPS = {
    "RandomScaledCrop": "scale and crop",
    "RandomRotation": "rotate",
    "RandomHorizontalFlip": "mirror",
    "ColorJitter": "change colours",
}
"""Transform -> its name in the table; the other transforms turn bytes into normalised floats."""

REST = "to floats, normalise"
"""Name of the other transforms in the table."""


def benchmark_data(
    folder: str | Path,
    dataset: str | Path | None = None,
    crop: tuple[int, int] = (360, 480),
    workers: Sequence[int] = (0, 1, 2),
    variant: str = "encnet_lite0",
    batch: int = 4,
    images: int = 64,
    repeats: int = 3,
) -> Path:
    """Times the loader of training images and the training steps that use them, each alone, in turn.

    Args:
        folder: where data.json is written, and generated scenes where no data set is given.
        dataset: folder of a data set with a split train; None generates scenes of the crop's size.
        crop: (height, width) in pixels.
        workers: numbers of reading processes; 0 reads in the training process, between its steps.
        variant: network whose training steps, in fp32, are timed.
        batch: images per batch.
        images: maximum number of images that are read in a run.
        repeats: timed runs, after one that is not counted.

    Returns:
        Path of data.json: milliseconds per image by step (medians), images per second of the loader by number of
        processes, images per second of training, and the share of its time that training would wait for each loader.

    Raises:
        InputError: a number is out of range, the data set cannot be read, or there is no such variant.
    """
    sizes = {"batch": batch, "images": images, "repeats": repeats}
    check_sizes({}, **sizes)
    if not workers:
        raise InputError("workers is empty; give at least one number of processes", "workers")
    with torch.device("meta"):
        info = create_model(variant, 2).info
    configs = {
        str(number): TrainConfig(data=DataConfig(batch_size=batch, crop=crop, workers=number)) for number in workers
    }
    if dataset is None:
        height, width = max(MIN_HEIGHT, crop[0]), max(MIN_WIDTH, crop[1])
        name = f"scenes_{images}_{height}x{width}"
        dataset = write_scenes(Path(folder) / name, train=images, val=0, test=0, height=height, width=width)
    index = read_dataset(dataset)
    index = dataclasses.replace(index, splits={"train": index.split("train")[:images]})
    keep_freed_memory()
    loaders = {name: TrainingData(index, config, info).train_dataloader() for name, config in configs.items()}
    first = next(iter(loaders.values()))
    step = training_step(variant, index.labels.num_classes, next(iter(first)))
    runs: dict[str, Callable[[], None]] = {name: partial(_read, source) for name, source in loaders.items()}
    seconds = median_seconds({**runs, variant: step}, repeats)
    read, training = len(first) * batch, batch / seconds[variant]
    results: dict[str, Any] = {
        "milliseconds": step_milliseconds(first.dataset),
        "training": {"variant": variant, "images_per_second": training},
        "loader": {
            name: {
                "images_per_second": read / seconds[name],
                "waiting_for_data": waiting(read / seconds[name], training, overlap=name != "0"),
            }
            for name in loaders
        },
    }
    console = Console(width=110)
    console.print(_steps_table(results["milliseconds"], crop, index.name))
    console.print(_loader_table(results))
    path = Path(folder) / "data.json"
    record = {"sizes": {**sizes, "crop": list(crop), "dataset": index.name}, "machine": machine(), "results": results}
    write_text(path, json.dumps(record, indent=2) + "\n")
    return path


def waiting(loader: float, training: float, overlap: bool) -> float:
    """Returns the share of its time, 0-1, that training waits for data.

    Args:
        loader: images per second that the loader delivers.
        training: images per second of training where data is always there.
        overlap: whether other processes read while training computes.
    """
    read, compute = 1 / loader, 1 / training
    return max(0.0, 1 - compute / read) if overlap else read / (read + compute)


def training_step(variant: str, classes: int, batch: tuple[Tensor, Tensor]) -> Callable[[], None]:
    """Returns a training step of a variant, always on the same batch of images and label maps."""
    torch.manual_seed(0)
    model = create_model(variant, classes).train().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    loss = EncNetLoss(classes, presence_loss=model.presence_loss, align_corners=model.align_corners)
    images, labels = batch[0].contiguous(memory_format=torch.channels_last), batch[1]
    return sgd_step(model, lambda: loss(model(images, full_size=False), labels).total, rate=1e-6)


def step_milliseconds(dataset: Any, images: int = 16) -> dict[str, float]:
    """Returns the milliseconds of each step from file to tensors, per image in one process: medians over images.

    Args:
        dataset: an ``encnet.data.dataset.SegmentationDataset`` with the transform of training.
        images: maximum number of images.
    """
    times: dict[str, list[float]] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a reading process
    try:
        for sample in dataset.samples[:images]:
            assert sample.label is not None
            image_times: dict[str, float] = {}
            image = _timed(image_times, "decode image", dataset.source.read, sample.image).pixels
            label = _timed(image_times, "decode label map", dataset.labels.load, sample.label)
            pair: Any = (image, tv_tensors.Mask(torch.from_numpy(label)))
            for transform in dataset.transform.transforms:
                name = STEPS.get(type(transform).__name__, REST)
                pair = _timed(image_times, name, lambda pair, transform=transform: transform(*pair), pair)
            for name, milliseconds in image_times.items():
                times.setdefault(name, []).append(milliseconds)
    finally:
        torch.set_num_threads(threads)
    return {name: statistics.median(values) for name, values in times.items()}


def _timed(times: dict[str, float], name: str, step: Callable[[Any], Any], value: Any) -> Any:
    """Applies a step to a value and adds its milliseconds to ``times``."""
    started = time.perf_counter()
    result = step(value)
    times[name] = times.get(name, 0.0) + 1000 * (time.perf_counter() - started)
    return result


def _read(source: TrainLoader) -> None:
    """Reads one epoch."""
    for images, _ in source:
        assert isinstance(images, Tensor)


def _steps_table(milliseconds: dict[str, float], crop: tuple[int, int], name: str) -> Table:
    table = Table(title=f"one image of {name} on its way to a crop of {crop[0]} x {crop[1]}, in one process: medians")
    table.add_column("step")
    table.add_column("time", justify="right")
    table.add_column("share", justify="right")
    total = sum(milliseconds.values())
    for step, value in {**milliseconds, "all": total}.items():
        table.add_row(step, f"{value:.2f} ms", f"{100 * value / total:.0f} %", style="bold" if step == "all" else None)
    return table


def _loader_table(results: dict[str, Any]) -> Table:
    training = results["training"]["images_per_second"]
    table = Table(title=f"{results['training']['variant']} trains on {training:.2f} images/s: medians")
    for column in ("reading processes", "images/s", "times training", "training would wait"):
        table.add_column(column, justify="right")
    for name, result in results["loader"].items():
        speed = result["images_per_second"]
        table.add_row(name, f"{speed:.1f}", f"{speed / training:.1f}", f"{100 * result['waiting_for_data']:.1f} %")
    return table
