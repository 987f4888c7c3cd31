"""Runs a model on a split of a data set and scores it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from encnet.checkpoint.encnet import EncNet
from encnet.data.band_statistics import with_measured_range
from encnet.data.class_indices import for_torch
from encnet.data.dataset import DatasetIndex
from encnet.data.pixels import as_pixels, picture
from encnet.data.sample_files import name_in
from encnet.data.tensors import SegmentationDataset
from encnet.evaluation.examples import Example, WorstExamples
from encnet.evaluation.image_scores import ImageScore
from encnet.evaluation.report import EvaluationReport
from encnet.inference.engines import EngineName, Precision
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import Protocol
from encnet.inference.segmentation import Segmentation
from encnet.metrics.pixels import SegmentationMetrics
from encnet.metrics.scores import Scores
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.processes import begin_reading, naming_dead_readers
from encnet.system.progress import progress_bar

WORST: int = 6
"""Number of images that a report shows: those with the lowest mean IoU."""


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
    threshold: float | None = None,
) -> EvaluationReport:
    """Scores a model on a split, at the size of the label maps.

    Args:
        model: a model, as for :class:`Predictor`.
        index: the data set; its classes must be those of the model.
        split: a split with label maps.
        protocol: how the model is run on an image, or the name of a protocol.
        batch_size: number of images read together. Images of the same size also run together; none is padded.
        device: as for :class:`Predictor`.
        precision: as for :class:`Predictor`.
        workers: number of processes that read files; 0 reads in this process.
        limit: scores only the first ``limit`` images; None scores all.
        progress: shows a progress bar on stderr.
        engine: as for :class:`Predictor`.
        threshold: as for :class:`Predictor`.

    Raises:
        InputError: the classes differ, the split has no images or no label maps, a number is out of its range, or a
            file cannot be read.
    """
    require(batch_size >= 1, "batch_size", batch_size, "at least 1")
    require(0 <= workers <= 256, "workers", workers, "from 0 to 256")
    require(limit is None or limit >= 1, "limit", limit, "at least 1")
    predictor = Predictor(model, protocol, device, precision, engine, threshold=threshold)
    require_same_classes(predictor, index)
    index = read_as_trained(predictor, index)
    samples = index.split(split)[:limit]
    if not samples:
        raise InputError(
            f"the split '{split}' of {index.root} is empty; choose one of {', '.join(index.splits)}", "split"
        )
    loader = DataLoader(
        _ErrorsAsItems(
            SegmentationDataset(samples, index.labels, source=index.source, fill=predictor.preprocessing.fill)
        ),
        batch_size=batch_size,
        num_workers=min(workers, len(samples)),
        collate_fn=list,
        worker_init_fn=begin_reading,
    )
    names = index.labels.names
    # All images are scored in this process, which may be one of a training run of several.
    metrics = SegmentationMetrics(len(names), names, predictor.description.presence, gather=False)
    per_image: dict[int, ImageScore] = {}
    worst = WorstExamples(WORST)
    started = time.perf_counter()
    with naming_dead_readers(), progress_bar(progress) as bar:
        task = bar.add_task(f"{index.name} {split}", total=len(samples))
        for first, batch in zip(range(0, len(samples), batch_size), loader, strict=True):
            for places, images, labels in _same_size(batch):
                predicted, presence = predictor.labels(images)
                probabilities = None if presence is None else torch.from_numpy(presence)
                confusions = metrics.update(torch.from_numpy(for_torch(predicted)), labels, probabilities)
                for i, place in enumerate(places):
                    path = samples[first + place].image
                    segmentation = Segmentation(
                        predicted[i],
                        None if presence is None else presence[i],
                        names,
                        predictor.palette,
                        picture(as_pixels(images[i])),
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
        threshold=threshold,
    )


def _image_score(segmentation: Segmentation, confusion: Tensor, index: DatasetIndex) -> ImageScore:
    """The scores of a prediction, from the confusion matrix of its image."""
    path = segmentation.path
    assert path is not None
    scores = Scores(segmentation.names, confusion.numpy())
    return ImageScore(name_in(index.root, path), scores.mean_iou, scores.pixel_accuracy, segmentation.disagreement())


class _ErrorsAsItems(Dataset[Any]):
    """Returns an InputError as an item, because a worker process would bury its message in a traceback."""

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
    """Groups a batch by size: yields places in the batch, images (B, H, W, C) uint8 and label maps (B, H, W).

    Raises:
        InputError: an item of the batch is one.
    """
    groups: dict[torch.Size, list[tuple[int, Tensor, Tensor]]] = {}
    for place, item in enumerate(batch):
        if isinstance(item, InputError):
            raise item
        groups.setdefault(item[1].shape, []).append((place, *item))
    for group in groups.values():
        places, images, labels = zip(*group, strict=True)
        yield places, torch.stack([image.permute(1, 2, 0) for image in images]).numpy(), torch.stack(labels)


def require_same_classes(predictor: Predictor, index: DatasetIndex) -> None:
    """Checks that a data set has the classes of a model, in the same order.

    Raises:
        InputError: it does not.
    """
    model_names, data_names = predictor.description.info.classes, index.labels.names
    if predictor.description.num_classes != len(data_names):
        raise InputError(
            f"the model has {predictor.description.num_classes} classes and {index.name} has {len(data_names)}"
            f"{_difference(model_names, data_names)}; evaluate on data with the model's classes"
        )
    if model_names and list(model_names) != list(data_names):
        raise InputError(
            f"the model's classes are not those of {index.name}{_difference(model_names, data_names)};"
            " evaluate on data with the model's classes in the same order"
        )


def read_as_trained(predictor: Predictor, index: DatasetIndex) -> DatasetIndex:
    """The data set, read with the bands and the range of values of a model where it does not give its own.

    Raises:
        InputError: the bands of the data set are not as many as those of the model.
    """
    return with_measured_range(replace(index, source=predictor.preprocessing.reading(index.source).source))


def _difference(model_names: Sequence[str], data_names: Sequence[str]) -> str:
    """The difference between two lists of class names in words; empty if the model has no names."""
    if not model_names:
        return ""
    only_model = [name for name in model_names if name not in data_names]
    only_data = [name for name in data_names if name not in model_names]
    parts = [f"only the model has {', '.join(only_model)}"] if only_model else []
    parts += [f"only the data has {', '.join(only_data)}"] if only_data else []
    if not parts:
        pairs = enumerate(zip(model_names, data_names, strict=True))
        i, (in_model, in_data) = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
        parts = [f"their order differs: class {i} is '{in_model}' in the model and '{in_data}' in the data"]
    return f" ({'; '.join(parts)})"
