"""Pixelwise loss terms computed from logits at low resolution, without building the logits of every pixel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from encnet.kernels.pixel_blocks import Block, blocks, precision
from encnet.system.errors import InputError


class PixelScores(NamedTuple):
    """What :func:`pixel_scores` returns."""

    nll: Tensor  #: (B, H, W), minus the log-probability of the true class; 0 for ignored pixels
    predicted: Tensor | None  #: (classes,), sum of the probabilities over the labelled pixels; None unless requested


@torch.compiler.disable(reason="a graph would unroll the loop over blocks")
def pixel_scores(
    logits: Tensor,
    labels: Tensor,
    align_corners: bool = False,
    with_predicted: bool = False,
    ignore_index: int = 255,
) -> PixelScores:
    """Returns scores of every pixel. With z the logits, interpolated bilinearly to the size of the labels::

        p_ic        = softmax_c(z_i)
        nll_i       = -log p_iy,  y the label of pixel i
        predicted_c = Σ_i p_ic,   over the labelled pixels of the batch

    The upsampled logits of all classes, their softmax and both derivatives would be by far the largest tensors of a
    training step. Here they exist for one block of pixels at a time, and the derivative computes each block again::

        ∂nll_i / ∂z_ij       = p_ij - [j = y]
        ∂predicted_c / ∂z_ij = p_ic ([c = j] - p_ij)

    Only the given logits and the labels are kept for the derivative. Values and derivatives equal those of
    ``F.interpolate``, ``log_softmax`` and a gather, in float32, or in float64 for float64 logits.

    Args:
        logits: (B, classes, h, w), of any resolution.
        labels: (B, H, W), int64, class indices or ``ignore_index``.
        align_corners: convention of the interpolation.
        with_predicted: whether ``predicted`` is computed.
        ignore_index: label of pixels that do not count.

    Raises:
        InputError: logits and labels do not have these shapes.
    """
    _check(logits, labels)
    return PixelScores(*_PixelScores.apply(logits, labels, align_corners, with_predicted, ignore_index))  # pyright: ignore[reportGeneralTypeIssues]


@torch.compiler.disable(reason="a graph would unroll the loop over blocks")
def weighted_nll(
    logits: Tensor, labels: Tensor, weights: Tensor, align_corners: bool = False, ignore_index: int = 255
) -> Tensor:
    """Returns Σ_i weights_i · nll_i over all pixels, with nll as in :func:`pixel_scores`, in one pass.

    The weights are known beforehand, so the derivative is computed with the value: each block is upsampled only once.

    Args:
        logits: (B, classes, h, w), of any resolution.
        labels: (B, H, W), int64, class indices or ``ignore_index``.
        weights: (B, H, W), constants: they get no gradient. The weights of ignored pixels do not matter.
        align_corners: convention of the interpolation.
        ignore_index: label of pixels that do not count.

    Returns:
        scalar.

    Raises:
        InputError: logits and labels do not have these shapes.
    """
    _check(logits, labels)
    return _WeightedNLL.apply(logits, labels, weights, align_corners, ignore_index)  # pyright: ignore[reportReturnType]


def _check(logits: Tensor, labels: Tensor) -> None:
    if logits.dim() != 4 or labels.dim() != 3 or len(logits) != len(labels):
        shapes = f"logits of shape {tuple(logits.shape)} and labels of shape {tuple(labels.shape)}"
        raise InputError(f"{shapes} do not fit; expected (B, classes, h, w) and (B, H, W)", "labels")


class _PixelScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, *arguments: Any) -> tuple[Tensor, Tensor | None]:
        labels, align_corners, with_predicted, ctx.ignore_index = arguments
        ctx.save_for_backward(logits, labels)
        ctx.align_corners = align_corners
        ctx.set_materialize_grads(False)
        labelled = labels != ctx.ignore_index
        nll = logits.new_empty(labels.shape, dtype=precision(logits))
        predicted = nll.new_zeros(logits.shape[1]) if with_predicted else None
        for scores in _scored(logits, labels, align_corners, ctx.ignore_index):
            scores.block.pixels(nll).copy_(scores.nll)
            if predicted is not None:
                factors = scores.block.pixels(labelled) / scores.total
                predicted += scores.exponentials.mul_(factors).sum(dim=(0, 1, 3))
        return nll.masked_fill_(~labelled, 0), predicted

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] (the decorator hides the names of its arguments)
        ctx: Any, *grad_outputs: Any
    ) -> tuple[Tensor | None, None, None, None, None]:
        grad_nll, grad_predicted = grad_outputs
        logits, labels = ctx.saved_tensors
        labelled = labels != ctx.ignore_index
        grad_logits = torch.zeros_like(logits, dtype=precision(logits))
        grad_nll = grad_logits.new_zeros(labels.shape) if grad_nll is None else grad_nll.masked_fill(~labelled, 0)
        for scores in _scored(logits, labels, ctx.align_corners, ctx.ignore_index):
            block_grad_nll = scores.block.pixels(grad_nll)
            if grad_predicted is None:
                grad_z = scores.exponentials.mul_(block_grad_nll / scores.total)
            else:
                p, grad_p = scores.exponentials.div_(scores.total), grad_predicted[:, None]
                weighted = (grad_p - (p * grad_p).sum(dim=2, keepdim=True)).mul_(scores.block.pixels(labelled))
                grad_z = p.mul_(weighted.add_(block_grad_nll))
            _add_derivative(grad_logits, scores, grad_z, block_grad_nll)
        return grad_logits.to(logits.dtype), None, None, None, None


class _WeightedNLL(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, *arguments: Any) -> Tensor:
        labels, weights, align_corners, ignore_index = arguments
        weights = weights.to(precision(logits)).masked_fill(labels == ignore_index, 0)
        nll = torch.empty_like(weights)
        grad_logits = torch.zeros_like(logits, dtype=nll.dtype) if ctx.needs_input_grad[0] else None
        for scores in _scored(logits, labels, align_corners, ignore_index):
            scores.block.pixels(nll).copy_(scores.nll)
            if grad_logits is not None:
                grad_nll = scores.block.pixels(weights)
                _add_derivative(grad_logits, scores, scores.exponentials.mul_(grad_nll / scores.total), grad_nll)
        ctx.save_for_backward(grad_logits)
        ctx.dtype = logits.dtype
        return (nll * weights).sum()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Any
    ) -> tuple[Tensor, None, None, None, None]:
        (grad_logits,) = ctx.saved_tensors
        return (grad_logits * grad_outputs[0]).to(ctx.dtype), None, None, None, None


class _Scores(NamedTuple):
    """The parts of a block's softmax, p = exponentials / total; ignored pixels are treated as class 0."""

    block: Block
    classes: Tensor  #: y, (rows, images, 1, columns)
    exponentials: Tensor  #: exp(z_c - max_c z_c), (rows, images, classes, columns)
    total: Tensor  #: their sum over the classes, (rows, images, 1, columns)
    nll: Tensor  #: (rows, images, 1, columns)


def _scored(logits: Tensor, labels: Tensor, align_corners: bool, ignore_index: int) -> Iterator[_Scores]:
    """Yields the scores of each block."""
    known = labels.masked_fill(labels == ignore_index, 0)
    for block in blocks(logits, labels, align_corners):
        classes, z = block.pixels(known), block.upsampled(logits)
        largest = z.amax(dim=2, keepdim=True)
        exponentials = (z - largest).exp_()
        total = exponentials.sum(dim=2, keepdim=True)
        yield _Scores(block, classes, exponentials, total, total.log() + (largest - z.gather(2, classes)))


def _add_derivative(grad_logits: Tensor, scores: _Scores, grad_z: Tensor, grad_nll: Tensor) -> None:
    """Adds the contribution of a block to ``grad_logits``.

    Args:
        grad_logits: (B, classes, h, w).
        scores: scores of the block.
        grad_z: (rows, images, classes, columns), without the term [j = y]; overwritten.
        grad_nll: (rows, images, 1, columns), gradient of each nll; 0 for ignored pixels.
    """
    scores.block.add_derivative(grad_logits, grad_z.scatter_add_(2, scores.classes, -grad_nll))
