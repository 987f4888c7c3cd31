"""A model over a split of a data set -> a report."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from encnet.data.dataset import DatasetIndex, SegmentationDataset
from encnet.errors import InputError
from encnet.evaluation.examples import Example, WorstExamples
from encnet.evaluation.image_scores import ImageScore
from encnet.evaluation.report import EvaluationReport
from encnet.inference.engines import EngineName, Precision
from encnet.inference.predictor import Predictor
from encnet.inference.protocol import Protocol
from encnet.inference.segmentation import Segmentation
from encnet.metrics import Scores, SegmentationMetrics
from encnet.model.encnet import EncNet

WORST = 6
"""Images that a report shows: those with the lowest mean IoU."""


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
    engine: EngineName = "auto",
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
        engine: as :class:`Predictor` takes it.

    Raises:
        InputError: the classes differ, the split has no images or no label maps, or a file cannot be read.
    """
    if batch_size < 1 or workers < 0 or (limit is not None and limit < 1):
        raise InputError(
            f"batch_size is {batch_size}, workers {workers}, limit {limit}; they must be at least 1, 0 and 1"
        )
    predictor = Predictor(model, protocol, device, precision, engine)
    require_same_classes(predictor, index)
    samples = index.split(split)[:limit]
    if not samples:
        raise InputError(f"the split '{split}' of {index.root} is empty; choose one of {', '.join(index.splits)}")
    loader = DataLoader(
        _ErrorsAsItems(SegmentationDataset(samples, index.labels)),
        batch_size=batch_size,
        num_workers=min(workers, len(samples)),
        collate_fn=list,
    )
    names = index.labels.names
    metrics = SegmentationMetrics(len(names), names, predictor.description.presence)
    per_image: dict[int, ImageScore] = {}
    worst = WorstExamples(WORST)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    started = time.perf_counter()
    with Progress(*columns, console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task(f"{index.name} {split}", total=len(samples))
        for first, batch in zip(range(0, len(samples), batch_size), loader, strict=True):
            for places, images, labels in _same_size(batch):
                predicted, presence = predictor.labels(images)
                of_image = None if presence is None else torch.from_numpy(presence)
                confusions = metrics.update(torch.from_numpy(predicted), labels, of_image)
                for i, place in enumerate(places):
                    path = samples[first + place].image
                    segmentation = Segmentation(
                        predicted[i],
                        None if presence is None else presence[i],
                        names,
                        predictor.palette,
                        Image.fromarray(images[i]),
                        path,
                    )
                    score = _image_score(segmentation, confusions[i], index)
                    per_image[first + place] = score
                    worst.offer(score, Example(segmentation, labels[i].numpy()))
            bar.advance(task, len(batch))
    return EvaluationReport(
        scores=metrics.compute(),
        variant=predictor.description.info.variant,
        checkpoint=predictor.source,
        dataset=index.name,
        split=split,
        images=len(samples),
        protocol=predictor.protocol,
        engine=predictor.engine.name,
        device=predictor.engine.device,
        precision=predictor.engine.precision,
        seconds=time.perf_counter() - started,
        per_image=tuple(per_image[place] for place in range(len(samples))),
        worst=worst.kept,
    )


def _image_score(segmentation: Segmentation, confusion: Tensor, index: DatasetIndex) -> ImageScore:
    """The score of a prediction, from the confusion matrix of its image."""
    path = segmentation.path
    assert path is not None
    own = Scores(segmentation.names, confusion.numpy())
    file = path.relative_to(index.root) if path.is_relative_to(index.root) else path
    return ImageScore(file.as_posix(), own.mean_iou, own.pixel_accuracy, segmentation.disagreement())


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


def _same_size(
    batch: Sequence[tuple[Tensor, Tensor] | InputError],
) -> Iterator[tuple[Sequence[int], np.ndarray, Tensor]]:
    """Places in the batch, images (B, H, W, 3) and label maps (B, H, W), uint8, of each size in it."""
    groups: dict[torch.Size, list[tuple[int, Tensor, Tensor]]] = {}
    for place, item in enumerate(batch):
        if isinstance(item, InputError):
            raise item
        groups.setdefault(item[1].shape, []).append((place, *item))
    for group in groups.values():
        places, images, labels = zip(*group, strict=True)
        yield places, torch.stack([image.permute(1, 2, 0) for image in images]).numpy(), torch.stack(labels)


def require_same_classes(predictor: Predictor, index: DatasetIndex) -> None:
    """Raises InputError where a data set has other classes than a model, or in another order."""
    own, asked = predictor.description.info.classes, index.labels.names
    if predictor.description.num_classes != len(asked):
        raise InputError(
            f"the model has {predictor.description.num_classes} classes and {index.name} has {len(asked)}"
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
