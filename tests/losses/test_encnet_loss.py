"""The loss against loops and its plain form, also where nothing is labelled and older implementations return NaN."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_loops import CLASSES, cross_entropy_by_loops, jaccard_of, plain_pixel_loss, random_labels
from torch import Tensor

from encnet.checkpoint.create import create_model
from encnet.data.labels import IGNORE
from encnet.losses.encnet_loss import EncNetLoss
from encnet.losses.terms import HardPixels
from encnet.model.output import EncNetOutput
from encnet.system.errors import InputError


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
def test_loss_and_gradient_are_zero_if_nothing_is_labelled(
    hard: HardPixels | None, weights: list[float] | None
) -> None:
    tensors = [torch.randn(*shape, requires_grad=True) for shape in ((2, CLASSES, 5, 6), (2, CLASSES)) for _ in "ab"]
    output = EncNetOutput(tensors[0], tensors[2], tensors[1], tensors[3])
    loss = EncNetLoss(CLASSES, class_weights=weights, hard_pixels=hard, jaccard_weight=1.0)
    terms = loss(output, torch.full((2, 5, 6), IGNORE))
    assert [term.item() for term in terms] == [0, 0, 0, 0]
    terms.total.backward()
    assert all(tensor.grad is not None and not tensor.grad.any() for tensor in tensors)


def test_unlabelled_image_does_not_count_in_the_se_loss() -> None:
    torch.manual_seed(0)
    labels, presence, logits = random_labels(2), torch.randn(2, CLASSES), torch.randn(2, CLASSES, 5, 6)
    labels[1] = IGNORE
    both = EncNetLoss(CLASSES)(EncNetOutput(logits, presence), labels)
    first = EncNetLoss(CLASSES)(EncNetOutput(logits[:1], presence[:1]), labels[:1])
    torch.testing.assert_close(both.se, first.se)
    torch.testing.assert_close(both.pixel, first.pixel)


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
def test_loss_and_gradient_equal_the_plain_form_at_any_resolution(
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
    # Powers of two, which float32 represents exactly: the loss stores the weights in float32.
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
    pixel = loss(EncNetOutput(logits), labels).pixel
    torch.testing.assert_close(pixel, expected, rtol=1e-9, atol=1e-12)
    gradients = [torch.autograd.grad(value, logits)[0] for value in (pixel, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("variant", ["encnet_tiny", "encnet_resnet50_fullres"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_network_trains_equally_on_logits_at_the_resolution_of_its_head(variant: str, align_corners: bool) -> None:
    torch.manual_seed(0)
    options = {"head_channels": 8, "num_codes": 4, "dropout": 0.0, "align_corners": align_corners}
    model = create_model(variant, CLASSES, aux=True, **options).train()
    images, labels = torch.randn(2, 3, 37, 50), torch.randint(0, CLASSES, (2, 37, 50))
    loss = EncNetLoss(CLASSES, align_corners=align_corners)
    results = []
    for full_size in (True, False):
        torch.manual_seed(1)  # for the auxiliary head's dropout
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
    for gradient, expected in zip(results[1][1], results[0][1], strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5 * largest)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # by the compiler itself
def test_compiled_step_equals_the_plain_step() -> None:
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


def test_jaccard_term_is_part_of_both_pixel_terms() -> None:
    torch.manual_seed(0)
    labels = random_labels(2)
    output = EncNetOutput(torch.randn(2, CLASSES, 5, 6), None, torch.randn(2, CLASSES, 5, 6))
    assert output.aux_logits is not None
    without, with_it = EncNetLoss(CLASSES)(output, labels), EncNetLoss(CLASSES, jaccard_weight=0.5)(output, labels)
    for pixel, plain, logits in (
        (with_it.pixel, without.pixel, output.logits),
        (with_it.aux, without.aux, output.aux_logits),
    ):
        torch.testing.assert_close(pixel - plain, 0.5 * jaccard_of(logits.softmax(dim=1), labels))


def test_loss_under_autocast_is_computed_in_float32() -> None:
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
        ({"aux_weight": -1.0}, "aux_weight is -1.0"),
        ({"presence_loss": "hinge"}, "presence_loss is 'hinge'; it must be 'bce' or 'mse'"),
        ({"class_weights": [1.0, 2.0]}, "4 positive numbers"),
        ({"class_weights": [1.0, 2.0, 0.0, 1.0]}, "4 positive numbers"),
    ],
)
def test_wrong_arguments_are_refused_by_name(arguments: dict[str, Any], message: str) -> None:
    (name,) = arguments
    with pytest.raises(InputError, match=message) as error:
        EncNetLoss(CLASSES, **arguments)  # pyright: ignore[reportArgumentType]
    assert error.value.argument == name
