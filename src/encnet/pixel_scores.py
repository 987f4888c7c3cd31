"""What a loss needs of every pixel, from class scores at low resolution, without the class scores of every pixel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from encnet.data.labels import IGNORE
from encnet.errors import InputError
from encnet.pixel_blocks import Block, blocks, precision


class PixelScores(NamedTuple):
    """What :func:`pixel_scores` returns."""

    nll: Tensor  #: (B, H, W), minus the log-probability of the true class; 0 where the pixel is ignored
    predicted: Tensor | None  #: (classes,), sum of the probabilities over the labelled pixels, if asked for


@torch.compiler.disable(reason="a graph would unroll the loop over blocks")
def pixel_scores(
    logits: Tensor, labels: Tensor, align_corners: bool = False, with_predicted: bool = False
) -> PixelScores:
    """Scores of every pixel, with z the logits interpolated bilinearly to the labels' size::

        p_ic        = softmax_c(z_i)
        nll_i       = -log p_iy,  y the label of pixel i
        predicted_c = Σ_i p_ic,   over the labelled pixels of the batch

    The upsampled logits of all classes are by far the largest tensor of a training step, and so are their softmax and
    both derivatives. Here they exist for one block of pixels at a time, and the derivative computes each block again::

        ∂nll_i / ∂z_ij       = p_ij - [j = y]
        ∂predicted_c / ∂z_ij = p_ic ([c = j] - p_ij)

    What is kept in between are the logits as they came and the labels. Values and derivatives are those of
    ``F.interpolate``, ``log_softmax`` and a gather; computed in float32, or in float64 for such logits.

    Args:
        logits: (B, classes, h, w), of any resolution.
        labels: (B, H, W), int64, class indices or ``IGNORE``.
        align_corners: convention of the interpolation.
        with_predicted: whether ``predicted`` is computed.

    Raises:
        InputError: logits and labels are not of these shapes.
    """
    _check(logits, labels)
    return PixelScores(*_PixelScores.apply(logits, labels, align_corners, with_predicted))  # pyright: ignore[reportGeneralTypeIssues]


@torch.compiler.disable(reason="a graph would unroll the loop over blocks")
def weighted_nll(logits: Tensor, labels: Tensor, weights: Tensor, align_corners: bool = False) -> Tensor:
    """Σ_i weights_i · nll_i over all pixels, nll as :func:`pixel_scores` has it, in one pass.

    As the weights are known, the derivative is computed with the value: each block is upsampled only once.

    Args:
        logits: (B, classes, h, w), of any resolution.
        labels: (B, H, W), int64, class indices or ``IGNORE``.
        weights: (B, H, W); constants, they get no derivative. Those of ignored pixels do not matter.
        align_corners: convention of the interpolation.

    Returns:
        scalar.

    Raises:
        InputError: logits and labels are not of these shapes.
    """
    _check(logits, labels)
    return _WeightedNLL.apply(logits, labels, weights, align_corners)  # pyright: ignore[reportReturnType]


def _check(logits: Tensor, labels: Tensor) -> None:
    if logits.dim() != 4 or labels.dim() != 3 or len(logits) != len(labels):
        shapes = f"logits of shape {tuple(logits.shape)} and labels of shape {tuple(labels.shape)}"
        raise InputError(f"{shapes} do not fit; expected (B, classes, h, w) and (B, H, W)")


class _PixelScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, *arguments: Any) -> tuple[Tensor, Tensor | None]:
        labels, align_corners, with_predicted = arguments
        ctx.save_for_backward(logits, labels)
        ctx.align_corners = align_corners
        ctx.set_materialize_grads(False)
        labelled = labels != IGNORE
        nll = logits.new_empty(labels.shape, dtype=precision(logits))
        predicted = nll.new_zeros(logits.shape[1]) if with_predicted else None
        for scores in _scored(logits, labels, align_corners):
            scores.block.pixels(nll).copy_(scores.nll)
            if predicted is not None:
                factors = scores.block.pixels(labelled) / scores.total
                predicted += scores.exponentials.mul_(factors).sum(dim=(0, 1, 3))
        return nll.masked_fill_(~labelled, 0), predicted

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] (the decorator hides its arguments' names)
        ctx: Any, *grad_outputs: Any
    ) -> tuple[Tensor | None, None, None, None]:
        of_nll, of_predicted = grad_outputs
        logits, labels = ctx.saved_tensors
        labelled = labels != IGNORE
        of_logits = torch.zeros_like(logits, dtype=precision(logits))
        of_nll = of_logits.new_zeros(labels.shape) if of_nll is None else of_nll.masked_fill(~labelled, 0)
        for scores in _scored(logits, labels, ctx.align_corners):
            g = scores.block.pixels(of_nll)
            if of_predicted is None:
                of_z = scores.exponentials.mul_(g / scores.total)
            else:
                p, of_p = scores.exponentials.div_(scores.total), of_predicted[:, None]
                of_sums = (of_p - (p * of_p).sum(dim=2, keepdim=True)).mul_(scores.block.pixels(labelled))
                of_z = p.mul_(of_sums.add_(g))
            _add_derivative(of_logits, scores, of_z, g)
        return of_logits.to(logits.dtype), None, None, None


class _WeightedNLL(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, *arguments: Any) -> Tensor:
        labels, weights, align_corners = arguments
        weights = weights.to(precision(logits)).masked_fill(labels == IGNORE, 0)
        nll = torch.empty_like(weights)
        of_logits = torch.zeros_like(logits, dtype=nll.dtype) if ctx.needs_input_grad[0] else None
        for scores in _scored(logits, labels, align_corners):
            scores.block.pixels(nll).copy_(scores.nll)
            if of_logits is not None:
                g = scores.block.pixels(weights)
                _add_derivative(of_logits, scores, scores.exponentials.mul_(g / scores.total), g)
        ctx.save_for_backward(of_logits)
        ctx.dtype = logits.dtype
        return (nll * weights).sum()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Any
    ) -> tuple[Tensor, None, None, None]:
        (of_logits,) = ctx.saved_tensors
        return (of_logits * grad_outputs[0]).to(ctx.dtype), None, None, None


class _Scores(NamedTuple):
    """The softmax of a block in its parts, p = exponentials / total; ignored pixels have one as if of class 0."""

    block: Block
    classes: Tensor  #: y, (rows, images, 1, columns)
    exponentials: Tensor  #: exp(z_c - max_c z_c), (rows, images, classes, columns)
    total: Tensor  #: their sum over the classes, (rows, images, 1, columns)
    nll: Tensor  #: (rows, images, 1, columns)


def _scored(logits: Tensor, labels: Tensor, align_corners: bool) -> Iterator[_Scores]:
    """The scores of every block."""
    known = labels.masked_fill(labels == IGNORE, 0)
    for block in blocks(logits, labels, align_corners):
        classes, z = block.pixels(known), block.upsampled(logits)
        largest = z.amax(dim=2, keepdim=True)
        exponentials = (z - largest).exp_()
        total = exponentials.sum(dim=2, keepdim=True)
        yield _Scores(block, classes, exponentials, total, total.log() + (largest - z.gather(2, classes)))


def _add_derivative(of_logits: Tensor, scores: _Scores, of_z: Tensor, g: Tensor) -> None:
    """Adds the derivative of a block to ``of_logits``, (B, classes, h, w).

    Args:
        of_logits: (B, classes, h, w).
        scores: of the block.
        of_z: (rows, images, classes, columns), without the term [j = y]; is overwritten.
        g: (rows, images, 1, columns), derivative of each nll; 0 where the pixel is ignored.
    """
    scores.block.add_derivative(of_logits, of_z.scatter_add_(2, scores.classes, -g))
