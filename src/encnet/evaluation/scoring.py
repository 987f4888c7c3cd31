"""Runs a model on samples, and counts the pixels of each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from encnet.data.class_indices import for_torch
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.pixels import as_pixels, picture
from encnet.data.sample_files import name_in
from encnet.data.tensors import SegmentationDataset
from encnet.evaluation.examples import Example
from encnet.evaluation.scored_image import ScoredImage, cells_of
from encnet.inference.predictor import Predictor
from encnet.inference.segmentation import Segmentation
from encnet.metrics.pixels import pixel_counts
from encnet.system.errors import InputError
from encnet.system.processes import begin_reading, naming_dead_readers


def score_samples(
    predictor: Predictor, index: DatasetIndex, samples: Sequence[Sample], batch_size: int, workers: int
) -> Iterator[tuple[ScoredImage, Example]]:
    """Scores samples one after the other, and yields what is kept of each, and its prediction with the truth.

    Args:
        predictor: the model.
        index: the data set.
        samples: samples of it, with label maps.
        batch_size: number of images read together. Images of the same size also run together; none is padded.
        workers: number of processes that read files; 0 reads in this process.

    Raises:
        InputError: a file cannot be read.
    """
    if not samples:
        return
    loader = DataLoader(
        _ErrorsAsItems(_as_seen(predictor, index, samples)),
        batch_size=batch_size,
        num_workers=min(workers, len(samples)),
        collate_fn=list,
        worker_init_fn=begin_reading,
    )
    clock = time.perf_counter()
    with naming_dead_readers():
        for first, batch in zip(range(0, len(samples), batch_size), loader, strict=True):
            found: dict[int, tuple[Example, Tensor]] = {}
            for places, images, labels in _same_size(batch):
                segmentations = _segmentations(predictor, index, images, [samples[first + place] for place in places])
                predicted = torch.from_numpy(for_torch(np.stack([each.labels for each in segmentations])))
                counts = pixel_counts(predicted, labels, index.labels.num_classes)
                for place, segmentation, label, count in zip(places, segmentations, labels, counts, strict=True):
                    found[place] = Example(segmentation, label.numpy()), count
            seconds, clock = (time.perf_counter() - clock) / len(batch), time.perf_counter()
            for place, (example, count) in sorted(found.items()):
                segmentation = example.segmentation
                yield (
                    ScoredImage(
                        name_in(index.root, samples[first + place].image),
                        cells_of(count),
                        np.array(segmentation.pixels(), np.int64),
                        segmentation.presence,
                        seconds,
                    ),
                    example,
                )


def example_of(predictor: Predictor, index: DatasetIndex, sample: Sample) -> Example:
    """The prediction of one sample, with its truth."""
    image, label = _as_seen(predictor, index, [sample])[0]
    (segmentation,) = _segmentations(predictor, index, image.permute(1, 2, 0)[None].numpy(), [sample])
    return Example(segmentation, label.numpy())


def _as_seen(predictor: Predictor, index: DatasetIndex, samples: Sequence[Sample]) -> SegmentationDataset:
    """The samples as the model sees them."""
    return SegmentationDataset(samples, index.labels, source=index.source, fill=predictor.preprocessing.fill)


def _segmentations(
    predictor: Predictor, index: DatasetIndex, images: np.ndarray, samples: Sequence[Sample]
) -> list[Segmentation]:
    """The predictions of the images, (B, H, W, C) uint8, of some samples, with the names of the data set's classes."""
    labels, presence = predictor.labels(images)
    return [
        Segmentation(
            labels[i],
            None if presence is None else presence[i],
            index.labels.names,
            predictor.palette,
            picture(as_pixels(image)),
            sample.image,
        )
        for i, (image, sample) in enumerate(zip(images, samples, strict=True))
    ]


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
