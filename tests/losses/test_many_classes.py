"""The loss with more than 255 classes, where 255 is a class and 65535 is ignored, against loops over pixels."""

from __future__ import annotations

import math

import pytest
import torch

from encnet.losses.encnet_loss import EncNetLoss
from encnet.losses.terms import HardPixels, presence_targets, soft_jaccard_loss
from encnet.model.output import EncNetOutput


def case(classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (2, classes, 4, 5) and labels, int32, with the classes 0, 255 and the last, and ignored pixels."""
    rng = torch.Generator().manual_seed(classes)
    labels = torch.randint(0, classes, (2, 4, 5), generator=rng, dtype=torch.int32)
    labels[0, 0] = torch.tensor([0, 255, 255, classes - 1, 65535])
    labels[1, 2:] = 65535
    return torch.randn(2, classes, 4, 5, generator=rng), labels


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [256, 257, 300, 1000])
def test_cross_entropy_and_se_equal_loops(classes: int, weighted: bool) -> None:
    logits, labels = case(classes)
    presence = torch.randn(2, classes, generator=torch.Generator().manual_seed(1))
    weights = [1 + c / classes for c in range(classes)] if weighted else None
    terms = EncNetLoss(classes, class_weights=weights)(EncNetOutput(logits, presence), labels)
    total = weight_sum = se = 0.0
    for b in range(2):
        present = {int(label) for label in labels[b].flatten().tolist() if label != 65535}
        for y in range(4):
            for x in range(5):
                label = int(labels[b, y, x])
                if label == 65535:
                    continue
                scores = logits[b, :, y, x].double().tolist()
                weight = 1.0 if weights is None else weights[label]
                total += weight * (math.log(sum(map(math.exp, scores))) - scores[label])
                weight_sum += weight
        for c in range(classes):
            value = float(presence[b, c])
            se += math.log1p(math.exp(-value if c in present else value)) / (2 * classes)
    assert terms.pixel.item() == pytest.approx(total / weight_sum, rel=1e-5)
    assert terms.se.item() == pytest.approx(se, rel=1e-4)


def test_hard_pixels_and_jaccard_leave_out_65535_and_keep_255() -> None:
    logits, labels = case(300)
    loss = EncNetLoss(300, hard_pixels=HardPixels(confidence=1.0), jaccard_weight=1.0)
    terms = loss(EncNetOutput(logits.requires_grad_()), labels)
    probability = logits.detach().softmax(1).double()
    nll, ious = [], []
    for c in sorted(set(labels.flatten().tolist()) - {65535}):
        intersection = union = 0.0
        for b, y, x in torch.nonzero(labels != 65535).tolist():
            p, hit = float(probability[b, c, y, x]), int(labels[b, y, x]) == c
            intersection += p * hit
            union += p + hit - p * hit
            nll += [-math.log(p)] if hit else []
        ious.append(intersection / union)
    expected = sum(nll) / len(nll) + 1 - sum(ious) / len(ious)
    assert terms.pixel.item() == pytest.approx(expected, rel=1e-5)
    terms.total.backward()
    assert logits.grad is not None
    ignored = (labels == 65535)[:, None].expand_as(logits)
    assert not logits.grad[ignored].any() and logits.grad[~ignored].all()


def test_presence_targets_hold_class_255_and_not_65535() -> None:
    _, labels = case(300)
    targets = presence_targets(labels, 300)
    for b in range(2):
        assert targets[b].nonzero().flatten().tolist() == sorted(set(labels[b].flatten().tolist()) - {65535})


def test_nothing_labelled_is_no_loss() -> None:
    terms = EncNetLoss(300)(EncNetOutput(torch.randn(1, 300, 2, 2)), torch.full((1, 4, 4), 65535, dtype=torch.int32))
    assert terms.total.item() == 0
    nll, labels = torch.zeros(1, 2, 2), torch.full((1, 2, 2), 65535)
    assert soft_jaccard_loss(nll, torch.zeros(300), labels).item() == 0
