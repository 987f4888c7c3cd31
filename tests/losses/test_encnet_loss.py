"""The loss against loops and against its plain form, and in the cases in which older implementations give NaN."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from encnet.checkpoint.create import create_model
from encnet.data.labels import IGNORE
from encnet.losses.encnet_loss import EncNetLoss
from encnet.losses.terms import HardPixels, presence_targets, soft_jaccard_loss
from encnet.model.output import EncNetOutput
from encnet.system.errors import InputError

CLASSES = 4


def random_labels(seed: int, batch: int = 2, ignored: float = 0.3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (batch, 5, 6), generator=generator)
    return labels.masked_fill(torch.rand(labels.shape, generator=generator) < ignored, IGNORE)


def jaccard_of(probabilities: Tensor, labels: Tensor) -> Tensor:
    """The soft Jaccard loss of probabilities (B, classes, H, W)."""
    labelled = labels != IGNORE
    true_class = probabilities.gather(1, labels.masked_fill(~labelled, 0)[:, None])[:, 0]
    predicted = (probabilities * labelled[:, None]).sum(dim=(0, 2, 3))
    return soft_jaccard_loss(-true_class.log(), predicted, labels)


def plain_pixel_loss(
    logits: Tensor,
    labels: Tensor,
    align_corners: bool,
    weights: Tensor | None,
    hard_pixels: HardPixels | None,
    jaccard_weight: float,
) -> Tensor:
    """CE + jaccard_weight · J with every tensor at full size; hard pixels by sorting, J class by class."""
    z = F.interpolate(logits, size=labels.shape[1:], mode="bilinear", align_corners=align_corners)
    probabilities, labelled = z.softmax(dim=1), labels != IGNORE
    counted = labels
    if hard_pixels is not None and labelled.any():
        confidence = probabilities.detach().gather(1, labels.masked_fill(~labelled, 0)[:, None])[:, 0]
        kept = int(hard_pixels.fraction * int(labelled.sum()))
        limit = confidence[labelled].sort().values[kept - 1] if kept else confidence.new_tensor(0.0)
        assume(int(((confidence - limit).abs() < 1e-9)[labelled].sum()) <= 1)  # rounding would break a tie
        counted = labels.masked_fill((confidence >= hard_pixels.confidence) & (confidence > limit), IGNORE)
    ce = F.cross_entropy(z, counted, weights, ignore_index=IGNORE) if (counted != IGNORE).any() else 0 * z.sum()
    losses = []
    for c in range(z.shape[1]):
        if (labels == c).any():
            p, y = probabilities[:, c][labelled], (labels == c)[labelled].to(z.dtype)
            losses.append(1 - (p * y).sum() / (p + y - p * y).sum())
    return ce + jaccard_weight * (torch.stack(losses).mean() if losses else 0)


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


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    size=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    upsampled=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    align_corners=st.booleans(),
    ignored=st.sampled_from([0.0, 0.4, 1.0]),
    weighted=st.booleans(),
    hard_pixels=st.sampled_from([None, HardPixels(0.3, 0.0), HardPixels(0.2, 0.5)]),
    jaccard_weight=st.sampled_from([0.0, 0.7]),
)
def test_logits_of_any_resolution_give_the_plain_forms_value_and_derivative(
    seed: int,
    size: tuple[int, int],
    upsampled: tuple[int, int],
    align_corners: bool,
    ignored: float,
    weighted: bool,
    hard_pixels: HardPixels | None,
    jaccard_weight: float,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(2, CLASSES, *size, dtype=torch.float64, generator=generator)
    labels = torch.randint(0, CLASSES, (2, *upsampled), generator=generator)
    labels.masked_fill_(torch.rand(labels.shape, generator=generator) < ignored, IGNORE)
    # Powers of two: float32, in which the loss has them, holds them exactly.
    weights = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64) if weighted else None
    logits.requires_grad_()
    expected = plain_pixel_loss(logits, labels, align_corners, weights, hard_pixels, jaccard_weight)
    loss = EncNetLoss(
        CLASSES,
        class_weights=weights,
        hard_pixels=hard_pixels,
        jaccard_weight=jaccard_weight,
        align_corners=align_corners,
    ).double()
    ours = loss(EncNetOutput(logits), labels).pixel
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-12)
    derivatives = [torch.autograd.grad(value, logits)[0] for value in (ours, expected)]
    torch.testing.assert_close(*derivatives, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("variant", ["encnet_tiny", "encnet_resnet50_fullres"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_a_network_trains_equally_on_logits_at_the_heads_own_resolution(variant: str, align_corners: bool) -> None:
    torch.manual_seed(0)
    options = {"head_channels": 8, "num_codes": 4, "dropout": 0.0, "align_corners": align_corners}
    model = create_model(variant, CLASSES, aux=True, **options).train()
    images, labels = torch.randn(2, 3, 37, 50), torch.randint(0, CLASSES, (2, 37, 50))
    loss = EncNetLoss(CLASSES, align_corners=align_corners)
    results = []
    for full_size in (True, False):
        torch.manual_seed(1)  # of the auxiliary head's dropout
        output = model(images, full_size=full_size)
        assert output.aux_logits is not None
        same_size = [logits.shape[-2:] == images.shape[-2:] for logits in (output.logits, output.aux_logits)]
        assert same_size == [full_size] * 2
        model.zero_grad()
        total = loss(output, labels).total
        total.backward()
        results.append((total.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
    torch.testing.assert_close(results[1][0], results[0][0], rtol=1e-5, atol=0)
    largest = max(float(gradient.abs().max()) for gradient in results[0][1])
    for ours, expected in zip(results[1][1], results[0][1], strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-5 * largest)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # the compiler's own
def test_compiles_around_the_blocks() -> None:
    torch.manual_seed(0)
    classifier = torch.nn.Conv2d(3, CLASSES, 1)
    loss, labels, images = EncNetLoss(CLASSES), random_labels(2), torch.randn(2, 3, 3, 4)

    def total(images: Tensor) -> Tensor:
        return loss(EncNetOutput(classifier(images), images.mean((2, 3)) @ images.new_ones(3, CLASSES)), labels).total

    results = []
    for step in (total, torch.compile(total, backend="aot_eager")):
        classifier.zero_grad()
        value = step(images)
        value.backward()
        assert classifier.weight.grad is not None
        results.append((value.detach(), classifier.weight.grad.clone()))
    torch.testing.assert_close(results[0], results[1])


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
    assert jaccard_of(probabilities, labels).item() == pytest.approx(sum(losses) / CLASSES, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: jaccard_of(x.softmax(dim=1), labels), (logits,))


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
        torch.testing.assert_close(ours - plain, 0.5 * jaccard_of(logits.softmax(dim=1), labels))


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
        ({"se_weight": -0.1}, "se_weight is -0.1; it must be at least 0"),
        ({"jaccard_weight": -1.0}, "jaccard_weight is -1.0; it must be at least 0"),
        ({"presence_loss": "hinge"}, "'bce' or 'mse'"),
        ({"class_weights": [1.0, 2.0]}, "4 positive numbers"),
        ({"class_weights": [1.0, 2.0, 0.0, 1.0]}, "4 positive numbers"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EncNetLoss(CLASSES, **arguments)  # pyright: ignore[reportArgumentType]
