"""The loss against loops, and in the cases in which older implementations give NaN."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from encnet.data.labels import IGNORE
from encnet.errors import InputError
from encnet.losses import EncNetLoss, HardPixels, presence_targets, soft_jaccard_loss
from encnet.model.encnet import EncNetOutput

CLASSES = 4


def random_labels(seed: int, batch: int = 2, ignored: float = 0.3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (batch, 5, 6), generator=generator)
    return labels.masked_fill(torch.rand(labels.shape, generator=generator) < ignored, IGNORE)


def cross_entropy_by_loops(logits: Tensor, labels: Tensor, weights: list[float]) -> float:
    total = norm = 0.0
    for b in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                c = int(labels[b, y, x])
                if c != IGNORE:
                    scores = [math.exp(float(logits[b, k, y, x])) for k in range(CLASSES)]
                    total -= weights[c] * math.log(scores[c] / sum(scores))
                    norm += weights[c]
    return total / norm if norm else 0.0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), ignored=st.sampled_from([0.0, 0.5, 1.0]))
def test_presence_targets_are_the_classes_in_each_label_map(seed: int, ignored: float) -> None:
    labels = random_labels(seed, batch=3, ignored=ignored)
    for dtype in (torch.uint8, torch.int64):
        targets = presence_targets(labels.to(dtype), CLASSES)
        expected = [[float((labels[b] == c).sum() > 0) for c in range(CLASSES)] for b in range(3)]
        assert targets.tolist() == expected


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 2.0, 4.0]])
@pytest.mark.parametrize("presence_loss", ["bce", "mse"])
def test_terms_equal_loops(weights: list[float] | None, presence_loss: str) -> None:
    torch.manual_seed(0)
    labels = random_labels(1)
    output = EncNetOutput(
        torch.randn(2, CLASSES, 5, 6), torch.randn(2, CLASSES), torch.randn(2, CLASSES, 5, 6), torch.randn(2, CLASSES)
    )
    terms = EncNetLoss(CLASSES, 0.3, 0.7, presence_loss, weights)(output, labels)
    weight_list = weights or [1.0] * CLASSES
    assert output.aux_logits is not None and output.presence is not None and output.stage3_presence is not None
    pixel = cross_entropy_by_loops(output.logits, labels, weight_list)
    aux = cross_entropy_by_loops(output.aux_logits, labels, weight_list)
    se = 0.0
    for presence in (output.presence, output.stage3_presence):
        for b in range(2):
            for c in range(CLASSES):
                value, target = float(presence[b, c]), float((labels[b] == c).any())
                probability = 1 / (1 + math.exp(-value))
                bce = -math.log(probability if target else 1 - probability)
                se += (bce if presence_loss == "bce" else (value - target) ** 2) / (2 * CLASSES)
    for term, expected in zip(terms, (pixel + 0.3 * se + 0.7 * aux, pixel, se, aux), strict=True):
        assert term.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("hard", [None, HardPixels()])
@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 3.0, 4.0]])
def test_nothing_labelled_is_a_zero_loss_with_a_zero_gradient(
    hard: HardPixels | None, weights: list[float] | None
) -> None:
    tensors = [torch.randn(*shape, requires_grad=True) for shape in ((2, CLASSES, 5, 6), (2, CLASSES)) for _ in "ab"]
    output = EncNetOutput(tensors[0], tensors[2], tensors[1], tensors[3])
    loss = EncNetLoss(CLASSES, class_weights=weights, hard_pixels=hard, jaccard_weight=1.0)
    terms = loss(output, torch.full((2, 5, 6), IGNORE))
    assert [term.item() for term in terms] == [0, 0, 0, 0]
    terms.total.backward()
    assert all(tensor.grad is not None and not tensor.grad.any() for tensor in tensors)


def test_an_unlabelled_image_does_not_count_in_the_se_loss() -> None:
    torch.manual_seed(0)
    labels, presence, logits = random_labels(2), torch.randn(2, CLASSES), torch.randn(2, CLASSES, 5, 6)
    labels[1] = IGNORE
    both = EncNetLoss(CLASSES)(EncNetOutput(logits, presence), labels)
    first = EncNetLoss(CLASSES)(EncNetOutput(logits[:1], presence[:1]), labels[:1])
    torch.testing.assert_close(both.se, first.se)
    torch.testing.assert_close(both.pixel, first.pixel)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), confidence=st.floats(0.05, 0.95), fraction=st.floats(0.0, 1.0))
def test_hard_pixels_are_the_unsure_ones_and_at_least_a_fraction(seed: int, confidence: float, fraction: float) -> None:
    labels = random_labels(seed)
    logits = 2 * torch.randn(2, CLASSES, 5, 6, generator=torch.Generator().manual_seed(seed))
    loss = EncNetLoss(CLASSES, hard_pixels=HardPixels(confidence, fraction))(EncNetOutput(logits), labels)
    truth = logits.softmax(1).gather(1, labels.masked_fill(labels == IGNORE, 0)[:, None])[:, 0]
    sure = sorted(truth[labels != IGNORE].tolist())
    kept = max(sum(value < confidence for value in sure), int(fraction * len(sure)))
    expected = sum(-math.log(value) for value in sure[:kept]) / kept if kept else 0.0
    assert loss.pixel.item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), ignored=st.sampled_from([0.0, 0.5]))
def test_soft_jaccard_of_decisions_is_one_minus_the_mean_iou(seed: int, ignored: float) -> None:
    labels = random_labels(seed, ignored=ignored)
    decisions = random_labels(seed + 1, ignored=0.0)
    loss = soft_jaccard_loss(torch.nn.functional.one_hot(decisions, CLASSES).permute(0, 3, 1, 2).float(), labels)
    ious = []
    for c in range(CLASSES):
        of_class, chosen = labels == c, (decisions == c) & (labels != IGNORE)
        if of_class.any():
            ious.append(float((of_class & chosen).sum() / (of_class | chosen).sum()))
    assert loss.item() == pytest.approx(1 - sum(ious) / len(ious), abs=1e-6)


def test_soft_jaccard_equals_loops_and_has_its_derivative() -> None:
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
    assert soft_jaccard_loss(probabilities, labels).item() == pytest.approx(sum(losses) / CLASSES, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: soft_jaccard_loss(x.softmax(dim=1), labels), (logits,))


def test_the_jaccard_term_is_part_of_both_pixel_terms() -> None:
    torch.manual_seed(0)
    labels = random_labels(2)
    output = EncNetOutput(torch.randn(2, CLASSES, 5, 6), None, torch.randn(2, CLASSES, 5, 6))
    assert output.aux_logits is not None
    without, with_it = EncNetLoss(CLASSES)(output, labels), EncNetLoss(CLASSES, jaccard_weight=0.5)(output, labels)
    for ours, plain, logits in (
        (with_it.pixel, without.pixel, output.logits),
        (with_it.aux, without.aux, output.aux_logits),
    ):
        torch.testing.assert_close(ours - plain, 0.5 * soft_jaccard_loss(logits.softmax(dim=1), labels))


def test_autocast_computes_in_float32() -> None:
    torch.manual_seed(0)
    labels, logits = random_labels(3), torch.randn(2, CLASSES, 5, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = EncNetLoss(CLASSES)(EncNetOutput(logits.bfloat16(), torch.randn(2, CLASSES).bfloat16()), labels)
    assert all(term.dtype == torch.float32 for term in terms)
    assert terms.pixel.item() == pytest.approx(
        cross_entropy_by_loops(logits.bfloat16().float(), labels, [1.0] * CLASSES), rel=1e-5
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"se_weight": -0.1}, "must not be negative"),
        ({"jaccard_weight": -1.0}, "jaccard_weight -1.0 must not be negative"),
        ({"presence_loss": "hinge"}, "'bce' or 'mse'"),
        ({"class_weights": [1.0, 2.0]}, "4 positive numbers"),
        ({"class_weights": [1.0, 2.0, 0.0, 1.0]}, "4 positive numbers"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EncNetLoss(CLASSES, **arguments)  # pyright: ignore[reportArgumentType]
