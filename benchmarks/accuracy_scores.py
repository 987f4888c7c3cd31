"""The scores of a trained network: mean IoU, that of thin and small classes, and the boundary F-score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.boundaries import BoundaryScores
from encnet.data.check import check_dataset
from encnet.data.dataset import DatasetIndex
from encnet.data.tensors import SegmentationDataset
from encnet.inference.predictor import Predictor
from encnet.metrics.pixels import SegmentationMetrics

SMALL = 0.02
"""Share of the labelled training pixels below which a class counts as thin or small."""


def scores_of(index: DatasetIndex, checkpoint: Path) -> dict[str, Any]:
    """Mean IoU, IoU by class, that of thin and small classes, and boundary F-score, on val; 0-1."""
    predictor, names = Predictor(str(checkpoint), device="cpu"), index.labels.names
    metrics, boundaries = (
        SegmentationMetrics(len(names), names, presence=False),
        BoundaryScores(len(names), index.labels.ignore),
    )
    samples = SegmentationDataset(index.split("val"), index.labels, source=index.source)
    for image, label in (samples[i] for i in range(len(samples))):
        predicted, _ = predictor.labels(np.asarray(image).transpose(1, 2, 0)[None])
        metrics.update(torch.from_numpy(predicted.astype(np.int64)), label[None].long())
        boundaries.update(predicted[0], label.numpy())
    scores = metrics.compute()
    small = small_classes(index)
    f_scores = boundaries.f_scores
    return {
        "mean_iou": scores.mean_iou,
        "small_iou": float(np.nanmean(scores.iou[small])) if small else None,
        "boundary_f": float(np.nanmean(f_scores)),
        "iou": {name: _known(value) for name, value in zip(names, scores.iou, strict=True)},
        "boundary": {name: _known(value) for name, value in zip(names, f_scores, strict=True)},
    }


def small_classes(index: DatasetIndex) -> list[int]:
    """Indices of the classes with less than :data:`SMALL` of the labelled pixels of train."""
    pixels = check_dataset(index, progress=False).class_pixels["train"]
    return [int(c) for c in np.flatnonzero((pixels > 0) & (pixels < SMALL * pixels.sum()))]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
