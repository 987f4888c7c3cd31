"""The terms of the loss against loops over pixels and classes."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_loops import CLASSES, jaccard_of, random_labels

from encnet.data.labels import IGNORE
from encnet.losses.encnet_loss import EncNetLoss
from encnet.losses.terms import HardPixels, presence_targets
from encnet.model.output import EncNetOutput


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), ignored=st.sampled_from([0.0, 0.5, 1.0]))
def test_presence_targets_are_the_classes_in_each_label_map(seed: int, ignored: float) -> None:
    labels = random_labels(seed, batch=3, ignored=ignored)
    for dtype in (torch.uint8, torch.int64):
        targets = presence_targets(labels.to(dtype), CLASSES)
        expected = [[float((labels[b] == c).sum() > 0) for c in range(CLASSES)] for b in range(3)]
        assert targets.tolist() == expected


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), confidence=st.floats(0.05, 0.95), fraction=st.floats(0.0, 1.0))
def test_hard_pixels_are_the_least_confident_ones(seed: int, confidence: float, fraction: float) -> None:
    labels = random_labels(seed)
    logits = 2 * torch.randn(2, CLASSES, 5, 6, generator=torch.Generator().manual_seed(seed))
    loss = EncNetLoss(CLASSES, hard_pixels=HardPixels(confidence, fraction))(EncNetOutput(logits), labels)
    confidences = logits.softmax(1).gather(1, labels.masked_fill(labels == IGNORE, 0)[:, None])[:, 0]
    ordered = sorted(confidences[labels != IGNORE].tolist())
    kept = max(sum(value < confidence for value in ordered), int(fraction * len(ordered)))
    expected = sum(-math.log(value) for value in ordered[:kept]) / kept if kept else 0.0
    assert loss.pixel.item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), ignored=st.sampled_from([0.0, 0.5]))
def test_soft_jaccard_of_decisions_is_one_minus_the_mean_iou(seed: int, ignored: float) -> None:
    labels = random_labels(seed, ignored=ignored)
    decisions = random_labels(seed + 1, ignored=0.0)
    loss = jaccard_of(F.one_hot(decisions, CLASSES).permute(0, 3, 1, 2).float(), labels)
    ious = []
    for c in range(CLASSES):
        of_class, chosen = labels == c, (decisions == c) & (labels != IGNORE)
        if of_class.any():
            ious.append(float((of_class & chosen).sum() / (of_class | chosen).sum()))
    assert loss.item() == pytest.approx(1 - sum(ious) / len(ious), abs=1e-6)


def test_soft_jaccard_equals_loops_and_has_exact_gradients() -> None:
    torch.manual_seed(0)
    labels = random_labels(3)
    logits = torch.randn(2, CLASSES, 5, 6, dtype=torch.float64, requires_grad=True)
    probabilities = logits.detach().softmax(dim=1)
    losses = []
    for c in range(CLASSES):
        intersection = union = 0.0
        for b, y, x in (labels != IGNORE).nonzero().tolist():
            p, is_class = float(probabilities[b, c, y, x]), float(labels[b, y, x] == c)
            intersection += p * is_class
            union += p + is_class - p * is_class
        losses.append(1 - intersection / union)
    assert jaccard_of(probabilities, labels).item() == pytest.approx(sum(losses) / CLASSES, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: jaccard_of(x.softmax(dim=1), labels), (logits,))
