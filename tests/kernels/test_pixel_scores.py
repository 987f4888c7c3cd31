"""Scores of every pixel, computed in blocks, against F.interpolate and softmax of the whole tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from encnet.data.labels import IGNORE
from encnet.kernels import pixel_blocks
from encnet.kernels.pixel_scores import pixel_scores, weighted_nll
from encnet.system.errors import InputError

Scores = tuple[Tensor, Tensor]


@contextmanager
def blocks_of(elements: int, rows: int, columns: int) -> Iterator[None]:
    """Inside, blocks are so small that small tensors have several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixel_blocks, "CPU_BLOCK", (elements, rows, columns))
        yield


def plain_scores(logits: Tensor, labels: Tensor, align_corners: bool) -> Scores:
    """Returns nll (B, H, W) and predicted (classes,), with every tensor at full size."""
    z = F.interpolate(logits, size=labels.shape[1:], mode="bilinear", align_corners=align_corners)
    nll = F.nll_loss(z.log_softmax(dim=1), labels, ignore_index=IGNORE, reduction="none")
    return nll, (z.softmax(dim=1) * (labels != IGNORE)[:, None]).sum(dim=(0, 2, 3))


def block_scores(logits: Tensor, labels: Tensor, align_corners: bool) -> Scores:
    """Returns the same scores, computed in blocks."""
    nll, predicted = pixel_scores(logits, labels, align_corners, with_predicted=True)
    assert predicted is not None
    return nll, predicted


def case(
    shape: tuple[int, ...], size: tuple[int, int], ignored: float, dtype: torch.dtype = torch.float64, seed: int = 0
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(shape, dtype=dtype, generator=generator)
    labels = torch.randint(0, shape[1], (shape[0], *size), generator=generator)
    labels.masked_fill_(torch.rand(labels.shape, generator=generator) < ignored, IGNORE)
    return logits.requires_grad_(), labels


def gradient(scores: Callable[..., Scores], logits: Tensor, labels: Tensor, align_corners: bool) -> Tensor:
    """Returns the gradient of a random linear function of both scores."""
    generator = torch.Generator().manual_seed(1)
    parts = scores(logits, labels, align_corners)
    factors = [torch.randn(part.shape, dtype=torch.float64, generator=generator).to(part.dtype) for part in parts]
    return torch.autograd.grad(parts, logits, factors)[0]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    align_corners=st.booleans(),
    ignored=st.sampled_from([0.0, 0.3, 1.0]),
    block=st.tuples(st.sampled_from([1, 40, 1000]), st.sampled_from([1, 5, 32]), st.sampled_from([1, 7, 64])),
    channels_last=st.booleans(),
)
def test_scores_and_gradients_equal_the_plain_form(
    seed: int,
    shape: tuple[int, int, int, int],
    size: tuple[int, int],
    align_corners: bool,
    ignored: float,
    block: tuple[int, int, int],
    channels_last: bool,
) -> None:
    logits, labels = case(shape, size, ignored, seed=seed)
    copied = logits.detach().contiguous(memory_format=torch.channels_last) if channels_last else logits.detach()
    copied.requires_grad_()
    with blocks_of(*block):
        scores = block_scores(copied, labels, align_corners)
        grad_logits = gradient(block_scores, copied, labels, align_corners)
    torch.testing.assert_close(scores, plain_scores(logits, labels, align_corners), rtol=1e-12, atol=1e-12)
    expected = gradient(plain_scores, logits, labels, align_corners)
    torch.testing.assert_close(grad_logits, expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    align_corners=st.booleans(),
    ignored=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_weighted_sum_and_gradient_equal_the_plain_form(
    shape: tuple[int, int, int, int], size: tuple[int, int], align_corners: bool, ignored: float
) -> None:
    logits, labels = case(shape, size, ignored)
    weights = torch.rand(labels.shape, dtype=torch.float64)
    expected = (plain_scores(logits, labels, align_corners)[0] * weights).sum()
    with blocks_of(40, 3, 5):
        total = weighted_nll(logits, labels, weights, align_corners)
    torch.testing.assert_close(total, expected, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(3 * value, logits)[0] for value in (total, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)
    assert not weighted_nll(logits.detach(), labels, weights, align_corners).requires_grad


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(5, 6), (2, 3)])
def test_gradients_equal_finite_differences(align_corners: bool, size: tuple[int, int]) -> None:
    logits, labels = case((2, 3, 2, 3), size, ignored=0.2)
    with blocks_of(40, 3, 4):
        assert torch.autograd.gradcheck(lambda z: block_scores(z, labels, align_corners), (logits,))
        # Each score alone, too: the gradient of the other one is then None.
        assert torch.autograd.gradcheck(lambda z: block_scores(z, labels, align_corners)[0], (logits,))
        assert torch.autograd.gradcheck(lambda z: block_scores(z, labels, align_corners)[1], (logits,))


@pytest.mark.parametrize("classes", [11, 150])
@pytest.mark.parametrize("spread", [1, 30])
def test_float32_scores_and_gradients_are_close_to_float64(classes: int, spread: float) -> None:
    logits, labels = case((2, classes, 8, 11), (64, 88), ignored=0.1)
    logits = (spread * logits.detach()).requires_grad_()
    single = logits.detach().float().requires_grad_()
    for actual, expected in zip(
        (*block_scores(single, labels, False), gradient(block_scores, single, labels, False)),
        (*plain_scores(logits, labels, False), gradient(plain_scores, logits, labels, False)),
        strict=True,
    ):
        assert actual.dtype == torch.float32
        torch.testing.assert_close(actual.double(), expected, rtol=1e-5, atol=1e-5)


def test_scores_of_bfloat16_logits_are_float32_under_autocast() -> None:
    logits, labels = case((2, 5, 4, 6), (32, 48), ignored=0.1, dtype=torch.bfloat16)
    expected = plain_scores(logits.float(), labels, False)
    weights = torch.rand(labels.shape)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = block_scores(logits, labels, False)
        total = weighted_nll(logits, labels, weights)
        (scores[0] * weights).sum().backward()
    torch.testing.assert_close(scores, expected)
    torch.testing.assert_close(total, (expected[0] * weights).sum())
    (grad_logits,) = torch.autograd.grad(total, logits)
    assert logits.grad is not None
    assert logits.grad.dtype == grad_logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.grad, grad_logits)


class Largest(TorchDispatchMode):
    """Records the number of elements of the largest tensor that any operation returns."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, Tensor):
                self.elements = max(self.elements, value.numel())
        return result


@pytest.mark.parametrize("with_predicted", [False, True])
def test_no_tensor_of_all_classes_and_pixels_is_built_or_kept(with_predicted: bool) -> None:
    logits, labels = case((2, 40, 8, 8), (64, 64), ignored=0.1, dtype=torch.float32)
    kept: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    elements = 2**13  # against 2 · 40 · 64 · 64 = 2^18.3
    with (
        blocks_of(elements, 32, 64),
        Largest() as largest,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        if with_predicted:
            nll, predicted = block_scores(logits, labels, False)
            (nll.sum() + predicted.square().sum()).backward()
        else:
            weighted_nll(logits, labels, torch.ones(labels.shape)).backward()
    assert max(kept) <= max(logits.numel(), labels.numel())
    assert largest.elements <= max(elements, logits.numel(), labels.numel())


def test_logits_at_the_size_of_the_labels_are_not_interpolated() -> None:
    logits, labels = case((2, 4, 9, 7), (9, 7), ignored=0.2)
    with blocks_of(60, 4, 4):
        values = block_scores(logits, labels, False)
    expected = F.nll_loss(logits.log_softmax(dim=1), labels, ignore_index=IGNORE, reduction="none")
    torch.testing.assert_close(values[0], expected, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("shape", [(2, 5, 6, 1), (3, 5, 6), (5, 6)])
def test_labels_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected \(B, classes, h, w\) and \(B, H, W\)"):
        pixel_scores(torch.randn(2, 3, 5, 6), torch.zeros(shape, dtype=torch.int64))
