"""Scores of more than 255 classes, where 255 is a class and 65535 is ignored, against loops over pixels."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from encnet.metrics.pixels import MOST_CLASSES, SegmentationMetrics
from encnet.system.errors import InputError


def metrics_of(classes: int, presence: bool = False) -> SegmentationMetrics:
    return SegmentationMetrics(classes, [f"class {c}" for c in range(classes)], presence)


def random_case(classes: int, images: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions and truth (images, 20, 30), int32, with every class and ignored pixels."""
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, classes, (images, 20, 30))
    truth[0].flat[: min(classes, 600)] = np.arange(min(classes, 600))
    predicted = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, classes, truth.shape))
    truth[rng.random(truth.shape) < 0.1] = 65535
    return torch.from_numpy(predicted.astype(np.int32)), torch.from_numpy(truth.astype(np.int32))


@pytest.mark.parametrize("classes", [256, 257, 300, 1000])
def test_confusion_and_scores_equal_loops(classes: int) -> None:
    predicted, truth = random_case(classes)
    metrics = metrics_of(classes)
    counts = [metrics.update(predicted[:2], truth[:2]), metrics.update(predicted[2:], truth[2:])]
    scores = metrics.compute()
    expected = np.zeros((3, classes, classes), np.int64)
    for image in range(3):
        for t, p in zip(truth[image].flatten().tolist(), predicted[image].flatten().tolist(), strict=True):
            if t != 65535:
                expected[image, t, p] += 1
    assert np.array_equal(torch.cat(counts).numpy(), expected)
    assert np.array_equal(scores.confusion, expected.sum(axis=0))
    ious = []
    for c in range(classes):
        known = truth != 65535
        union = int((((truth == c) | (predicted == c)) & known).sum())
        ious += [int(((truth == c) & (predicted == c)).sum()) / union] if union else []
    assert scores.mean_iou == pytest.approx(sum(ious) / len(ious))


def test_presence_counts_class_255() -> None:
    truth = torch.full((2, 2, 2), 65535, dtype=torch.int32)
    truth[0] = 255
    truth[1, 0] = 299
    presence = torch.zeros(2, 300)
    presence[0, 255] = presence[1, 299] = 1.0
    metrics = metrics_of(300, presence=True)
    metrics.update(torch.zeros(2, 2, 2, dtype=torch.int32), truth, presence)
    f1 = metrics.compute().presence_f1
    assert f1 is not None and f1[255] == f1[299] == 1


@pytest.mark.parametrize("label", [300, 301, 65534])
def test_a_true_class_out_of_range_is_an_error(label: int) -> None:
    truth = torch.tensor([[[0, label]]], dtype=torch.int32)
    with pytest.raises(InputError, match=f"a true label is {label}, but there are only 300 classes.*with 65535"):
        metrics_of(300).update(torch.zeros(1, 1, 2, dtype=torch.int32), truth)


def test_a_predicted_class_out_of_range_is_an_error() -> None:
    with pytest.raises(InputError, match="a predicted label is 300"):
        metrics_of(300).update(torch.tensor([[[300]]], dtype=torch.int32), torch.zeros(1, 1, 1, dtype=torch.int32))


def test_json_holds_the_pairs_that_occur() -> None:
    predicted, truth = random_case(300)
    metrics = metrics_of(300)
    metrics.update(predicted, truth)
    scores = metrics.compute()
    document = json.loads(json.dumps(scores.to_dict()))
    confusion = np.zeros((300, 300), np.int64)
    for true, guess, pixels in document["confusion_pairs"]:
        confusion[true, guess] = pixels
    assert np.array_equal(confusion, scores.confusion) and "confusion" not in document


def test_too_many_classes_to_compare_are_an_error() -> None:
    with pytest.raises(InputError, match="4097 classes are too many"):
        metrics_of(MOST_CLASSES + 1)
