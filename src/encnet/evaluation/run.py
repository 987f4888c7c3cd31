"""Scores a model on a split of a data set."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from encnet.checkpoint.encnet import EncNet
from encnet.data.band_statistics import with_measured_range
from encnet.data.dataset import DatasetIndex, Sample
from encnet.evaluation.examples import WorstExamples, lowest
from encnet.evaluation.image_scores import ImageScore
from encnet.evaluation.kept_scores import KeptScores
from encnet.evaluation.report import EvaluationReport
from encnet.evaluation.scored_image import ScoredImage
from encnet.evaluation.scoring import example_of, score_samples
from encnet.inference.engines import EngineName, Precision
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import Protocol
from encnet.metrics.pixels import SegmentationMetrics
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.progress import progress_bar
from encnet.system.text import counted

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
    kept: KeptScores | None = None,
    share: tuple[int, int] | None = None,
) -> EvaluationReport:
    """Scores a model on a split, at the size of the label maps.

    With ``kept``, the scores of each image are written to disk at once. Images that have theirs already are not run
    again, and the report is of all images that have scores, from whichever process.

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
        kept: where scores are kept, in a block of its ``writing``; None keeps none.
        share: (number, total), from 1: runs only this share of the images, every fourth from the second for (2, 4).

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
    names, every = index.labels.names, dict(enumerate(samples))
    before = {} if kept is None else kept.read(index, every)
    number, shares = share or (1, 1)
    own = range(number - 1, len(samples), shares)
    places = [place for place in own if not (kept and kept.resume and place in before)]
    worst, scored = WorstExamples(WORST), dict[int, ScoredImage]()
    with progress_bar(progress) as bar:
        task = bar.add_task(f"{index.name} {split}", total=len(own), completed=len(own) - len(places))
        run = score_samples(predictor, index, [samples[place] for place in places], batch_size, workers)
        for place, (image, example) in zip(places, run, strict=True):
            scored[place] = image
            worst.offer(place, image.score(names), example)
            if kept is not None:
                kept.add(place, image)
            bar.advance(task)
    if len(scored) < len(samples) and kept is not None:
        scored = kept.read(index, every) | scored
    return _report(predictor, index, split, samples, scored, worst, threshold)


def _report(
    predictor: Predictor,
    index: DatasetIndex,
    split: str,
    samples: Sequence[Sample],
    scored: Mapping[int, ScoredImage],
    worst: WorstExamples,
    threshold: float | None,
) -> EvaluationReport:
    """The report of the images that have scores, in the order of the split.

    Args:
        predictor: the model.
        index: the data set.
        split: the split.
        samples: its samples.
        scored: place in the split -> scored image.
        worst: examples of the images that this process scored; those of others are predicted again.
        threshold: of two classes, the threshold.
    """
    names = index.labels.names
    # All images are scored in this process, which may be one of a training run of several.
    metrics = SegmentationMetrics(len(names), names, predictor.description.presence, gather=False)
    scores: dict[int, ImageScore] = {}
    for place in sorted(scored):
        image = scored[place]
        presence = None if image.presence is None else torch.from_numpy(image.presence)[None]
        metrics.add(image.confusion()[None], presence)
        scores[place] = image.score(names)
    return EvaluationReport(
        scores=metrics.compute(),
        variant=predictor.description.info.variant,
        checkpoint=predictor.source,
        dataset=index.name,
        split=split,
        images=len(scored),
        protocol=predictor.protocol,
        engine=predictor.engine.name,
        device=predictor.engine.device,
        precision=predictor.engine.precision,
        seconds=sum(image.seconds for image in scored.values()),
        per_image=tuple(scores.values()),
        worst=tuple(
            (
                scores[place],
                worst.kept[place][1] if place in worst.kept else example_of(predictor, index, samples[place]),
            )
            for place in (lowest(scores, WORST) if len(scored) == len(samples) else ())
        ),
        threshold=threshold,
        missing=len(samples) - len(scored),
    )


def require_same_classes(predictor: Predictor, index: DatasetIndex) -> None:
    """Checks that a data set has the classes of a model, in the same order.

    Raises:
        InputError: it does not.
    """
    model_names, data_names = predictor.description.info.classes, index.labels.names
    if predictor.description.num_classes != len(data_names):
        raise InputError(
            f"the model has {counted(predictor.description.num_classes, 'class')} and {index.name} has"
            f" {len(data_names)}{_difference(model_names, data_names)}; evaluate on data with the model's classes"
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
