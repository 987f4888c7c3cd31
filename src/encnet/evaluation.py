"""A model over a split of a data set -> a report."""

from __future__ import annotations

import io
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from encnet.data.dataset import DatasetIndex, SegmentationDataset
from encnet.errors import InputError
from encnet.files import replacing, write_text
from encnet.inference.predictor import Precision, Predictor
from encnet.inference.protocol import Protocol
from encnet.metrics import Scores, SegmentationMetrics
from encnet.model.encnet import EncNet
from encnet.visualize import confusion_figure, figure_png


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """Scores, and all it takes to get them again."""

    scores: Scores
    variant: str
    """Builder of the model."""
    checkpoint: str | None
    """Where the model was loaded from; None for a model in memory."""
    dataset: str
    """Name of the data set."""
    split: str
    images: int
    """Number of images scored."""
    protocol: Protocol
    """How the model was run, with all its numbers."""
    device: str
    precision: str
    seconds: float
    """Wall-clock time from the first image read to the last scored."""

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds

    @property
    def mean_iou(self) -> float:
        """Mean IoU as the protocol counts it, 0-1: absent classes left out, or as 0."""
        zero = self.protocol.absent_classes == "zero"
        return self.scores.mean_iou_absent_zero if zero else self.scores.mean_iou

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON types."""
        return {
            "variant": self.variant,
            "checkpoint": self.checkpoint,
            "dataset": self.dataset,
            "split": self.split,
            "images": self.images,
            "protocol": self.protocol.to_dict(),
            "mean_iou": None if math.isnan(self.mean_iou) else self.mean_iou,
            "device": self.device,
            "precision": self.precision,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 3),
            "scores": self.scores.to_dict(),
        }

    def table(self) -> Table:
        """Scores by class in percent, then their means."""
        return scores_table(
            self.scores,
            f"{self.variant} on {self.dataset}, {self.split}: {self.images} images",
            f"{self.protocol.describe()}\n{self.images_per_second:.2f} images/s on {self.device}, "
            f"{self.precision}; scores in %\nmean IoU by this protocol: {_percent(self.mean_iou)}",
        )

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Writes evaluation.json, evaluation.txt (the table) and confusion.png into a folder, and returns their paths.

        Raises:
            InputError: the folder cannot be written to.
        """
        text = io.StringIO()
        Console(file=text, width=120).print(self.table())
        written = [Path(folder, name) for name in ("evaluation.json", "evaluation.txt", "confusion.png")]
        write_text(written[0], json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        write_text(written[1], text.getvalue())
        with replacing(written[2]) as temporary:
            temporary.write_bytes(figure_png(confusion_figure(self.scores.confusion, self.scores.names)))
        return written


def scores_table(scores: Scores, title: str, caption: str | None = None) -> Table:
    """Scores by class in percent, then their means; a dash where a score is undefined."""
    with_presence = scores.presence_f1 is not None
    table = Table(title=title, caption=caption)
    table.add_column("class")
    for column in ("IoU", "accuracy", *(("presence AP", "presence F1") if with_presence else ())):
        table.add_column(column, justify="right")

    def add(name: str, *values: float | None) -> None:
        shown = values if with_presence else values[:2]
        table.add_row(name, *("" if value is None else _percent(value) for value in shown))

    for i, name in enumerate(scores.names):
        presence = () if scores.presence_average_precision is None else (scores.presence_average_precision[i],)
        presence += () if scores.presence_f1 is None else (scores.presence_f1[i],)
        add(name, scores.iou[i], scores.accuracy[i], *presence)
    table.add_section()
    add(
        "mean, absent classes left out",
        scores.mean_iou,
        scores.mean_accuracy,
        scores.mean_presence_average_precision,
        scores.mean_presence_f1,
    )
    add("mean, absent classes as 0", scores.mean_iou_absent_zero, None, None, None)
    add("mean, weighted by pixels", scores.frequency_weighted_iou, scores.pixel_accuracy, None, None)
    return table


def evaluate(
    model: EncNet | str | os.PathLike[str],
    index: DatasetIndex,
    split: str = "val",
    protocol: Protocol | str = "plain",
    batch_size: int = 1,
    device: str | torch.device = "auto",
    precision: Precision = "fp32",
    workers: int = 2,
    limit: int | None = None,
    progress: bool = True,
) -> EvaluationReport:
    """Scores a model on a split, at the size of the label maps.

    Args:
        model: as :class:`Predictor` takes it.
        index: the data set; its classes must be the model's.
        split: with label maps.
        protocol: how the model is run over an image, or the name of a protocol.
        batch_size: images read together; those of one size also run together, and none is padded.
        device: as :class:`Predictor` takes it.
        precision: as :class:`Predictor` takes it.
        workers: processes that read files; 0 reads in this one.
        limit: score only so many images, the first ones; None is all.
        progress: show a bar on stderr.

    Raises:
        InputError: the classes differ, the split has no images or no label maps, or a file cannot be read.
    """
    if batch_size < 1 or workers < 0 or (limit is not None and limit < 1):
        raise InputError(
            f"batch_size is {batch_size}, workers {workers}, limit {limit}; they must be at least 1, 0 and 1"
        )
    predictor = Predictor(model, protocol, device, precision)
    _require_same_classes(predictor, index)
    samples = index.split(split)[:limit]
    if not samples:
        raise InputError(f"the split '{split}' of {index.root} is empty; choose one of {', '.join(index.splits)}")
    loader = DataLoader(
        _ErrorsAsItems(SegmentationDataset(samples, index.labels)),
        batch_size=batch_size,
        num_workers=min(workers, len(samples)),
        collate_fn=list,
    )
    metrics: SegmentationMetrics | None = None
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    started = time.perf_counter()
    with Progress(*columns, console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task(f"{index.name} {split}", total=len(samples))
        for batch in loader:
            for images, labels in _same_size(batch):
                probabilities, presence = predictor.probabilities(images)
                if metrics is None:
                    names = index.labels.names
                    metrics = SegmentationMetrics(len(names), names, presence is not None).to(predictor.device)
                metrics.update(probabilities, labels.to(predictor.device), presence)
            bar.advance(task, len(batch))
    assert metrics is not None, "there is at least one image"
    return EvaluationReport(
        scores=metrics.compute(),
        variant=predictor.model.info.variant,
        checkpoint=predictor.source,
        dataset=index.name,
        split=split,
        images=len(samples),
        protocol=predictor.protocol,
        device=str(predictor.device),
        precision=precision,
        seconds=time.perf_counter() - started,
    )


class _ErrorsAsItems(Dataset[Any]):
    """Hands an InputError on as an item: a worker process would bury its sentence in a traceback."""

    def __init__(self, samples: SegmentationDataset) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor] | InputError:
        try:
            return self.samples[index]
        except InputError as error:
            return error


def _same_size(batch: Sequence[tuple[Tensor, Tensor] | InputError]) -> Iterator[tuple[Tensor, Tensor]]:
    """Images (B, 3, H, W) and label maps (B, H, W) of each size in a batch."""
    groups: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
    for item in batch:
        if isinstance(item, InputError):
            raise item
        groups.setdefault(item[1].shape, []).append(item)
    for group in groups.values():
        images, labels = zip(*group, strict=True)
        yield torch.stack(images), torch.stack(labels)


def _require_same_classes(predictor: Predictor, index: DatasetIndex) -> None:
    own, asked = predictor.model.info.classes, index.labels.names
    if predictor.model.num_classes != len(asked):
        raise InputError(
            f"the model has {predictor.model.num_classes} classes and {index.name} has {len(asked)}"
            f"{_difference(own, asked)}; evaluate on data with the model's classes"
        )
    if own and list(own) != list(asked):
        raise InputError(
            f"the model's classes are not those of {index.name}{_difference(own, asked)};"
            " evaluate on data with the model's classes in their order"
        )


def _difference(own: Sequence[str], asked: Sequence[str]) -> str:
    only_own, only_asked = [name for name in own if name not in asked], [name for name in asked if name not in own]
    parts = [f"only the model has {', '.join(only_own)}"] if own and only_own else []
    parts += [f"only the data has {', '.join(only_asked)}"] if own and only_asked else []
    if own and not parts:
        i = next(i for i, (a, b) in enumerate(zip(own, asked, strict=True)) if a != b)
        parts = [f"their order differs: class {i} is '{own[i]}' in the model and '{asked[i]}' in the data"]
    return f" ({'; '.join(parts)})" if parts else ""


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f}"
