"""What a loss needs of every pixel, from class scores at low resolution, without the class scores of every pixel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from encnet.data.labels import IGNORE
from encnet.errors import InputError

# Of a block: how many class scores it has at most; and its rows and columns at most, as more make the matrices of the
# interpolation wider, most of which are zeros. On a CPU the scores, 4 MB, stay in its cache, and smaller blocks would
# have its threads wait for each other more often; elsewhere there are enough of them to keep a GPU busy.
CPU_BLOCK, DEVICE_BLOCK = (2**20, 64, 128), (2**24, 256, 256)


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
        nll = logits.new_empty(labels.shape, dtype=_precision(logits))
        predicted = nll.new_zeros(logits.shape[1]) if with_predicted else None
        for scores in _scored(logits, labels, align_corners):
            _pixels(nll, scores.block).copy_(scores.nll)
            if predicted is not None:
                factors = _pixels(labelled, scores.block) / scores.total
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
        of_logits = torch.zeros_like(logits, dtype=_precision(logits))
        of_nll = of_logits.new_zeros(labels.shape) if of_nll is None else of_nll.masked_fill(~labelled, 0)
        for scores in _scored(logits, labels, ctx.align_corners):
            g = _pixels(of_nll, scores.block)
            if of_predicted is None:
                of_z = scores.exponentials.mul_(g / scores.total)
            else:
                p, of_p = scores.exponentials.div_(scores.total), of_predicted[:, None]
                of_sums = (of_p - (p * of_p).sum(dim=2, keepdim=True)).mul_(_pixels(labelled, scores.block))
                of_z = p.mul_(of_sums.add_(g))
            _add_derivative(of_logits, scores, of_z, g)
        return of_logits.to(logits.dtype), None, None, None


class _WeightedNLL(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, *arguments: Any) -> Tensor:
        labels, weights, align_corners = arguments
        weights = weights.to(_precision(logits)).masked_fill(labels == IGNORE, 0)
        nll = torch.empty_like(weights)
        of_logits = torch.zeros_like(logits, dtype=nll.dtype) if ctx.needs_input_grad[0] else None
        for scores in _scored(logits, labels, align_corners):
            _pixels(nll, scores.block).copy_(scores.nll)
            if of_logits is not None:
                g = _pixels(weights, scores.block)
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


class _Side(NamedTuple):
    """Rows, or columns, of a block: the pixels n, and the k low-resolution places that they are interpolated from."""

    pixels: slice
    sources: slice
    weights: Tensor | None  #: (n, k); None where nothing is interpolated, as logits and labels have the same size


class _Block(NamedTuple):
    """A rectangle of pixels, of one image or several; its tensors are (rows, images, classes or 1, columns)."""

    images: slice
    rows: _Side
    columns: _Side


class _Scores(NamedTuple):
    """The softmax of a block in its parts, p = exponentials / total; ignored pixels have one as if of class 0."""

    block: _Block
    classes: Tensor  #: y, (rows, images, 1, columns)
    exponentials: Tensor  #: exp(z_c - max_c z_c), (rows, images, classes, columns)
    total: Tensor  #: their sum over the classes, (rows, images, 1, columns)
    nll: Tensor  #: (rows, images, 1, columns)


def _scored(logits: Tensor, labels: Tensor, align_corners: bool) -> Iterator[_Scores]:
    """The scores of every block."""
    known = labels.masked_fill(labels == IGNORE, 0)
    for block in _blocks(logits, labels, align_corners):
        classes, z = _pixels(known, block), _upsampled(logits, block)
        largest = z.amax(dim=2, keepdim=True)
        exponentials = (z - largest).exp_()
        total = exponentials.sum(dim=2, keepdim=True)
        yield _Scores(block, classes, exponentials, total, total.log() + (largest - z.gather(2, classes)))


def _precision(logits: Tensor) -> torch.dtype:
    return torch.promote_types(logits.dtype, torch.float32)


def _blocks(logits: Tensor, labels: Tensor, align_corners: bool) -> Iterator[_Block]:
    elements, rows, columns = CPU_BLOCK if logits.device.type == "cpu" else DEVICE_BLOCK
    images, classes = logits.shape[:2]
    pixels = max(1, elements // classes)
    columns = min(columns, pixels)
    rows = min(rows, pixels // columns)
    at_once = max(1, pixels // (rows * columns))
    sides = [_sides(logits, labels, dim, step, align_corners) for dim, step in ((-2, rows), (-1, columns))]
    for first in range(0, images, at_once):
        for row in sides[0]:
            for column in sides[1]:
                yield _Block(slice(first, first + at_once), row, column)


def _sides(logits: Tensor, labels: Tensor, dim: int, step: int, align_corners: bool) -> list[_Side]:
    """One side of all blocks: rows for dimension -2, columns for -1; equal parts of at most ``step`` pixels."""
    size, pixels = logits.shape[dim], labels.shape[dim]
    step = math.ceil(pixels / math.ceil(pixels / step))
    parts = [slice(start, min(start + step, pixels)) for start in range(0, pixels, step)]
    if size == pixels:
        return [_Side(part, part, None) for part in parts]
    identity = torch.eye(size, dtype=torch.float64)[None]
    weights = F.interpolate(identity, size=pixels, mode="linear", align_corners=align_corners)[0].T  # (pixels, size)
    sides = []
    for part in parts:
        of_part = weights[part]
        sources = slice(int(of_part[0].nonzero()[0]), int(of_part[-1].nonzero()[-1]) + 1)
        sides.append(_Side(part, sources, of_part[:, sources].to(_precision(logits)).to(logits.device)))
    return sides


def _pixels(tensor: Tensor, block: _Block) -> Tensor:
    """The block's part of (B, H, W), as (rows, images, 1, columns)."""
    return tensor[block.images, block.rows.pixels, block.columns.pixels].transpose(0, 1).unsqueeze(2)


def _sources(tensor: Tensor, block: _Block) -> Tensor:
    """The block's part of (B, classes, h, w), as (source rows, images, classes, source columns)."""
    return tensor[block.images, :, block.rows.sources, block.columns.sources].permute(2, 0, 1, 3)


def _upsampled(logits: Tensor, block: _Block) -> Tensor:
    """z, (rows, images, classes, columns). With the rows first, each of both steps is a single matrix product."""
    z = _sources(logits, block).to(_precision(logits))
    if block.columns.weights is not None:
        z = _product(z.flatten(0, 2), block.columns.weights.T).unflatten(0, z.shape[:3])
    if block.rows.weights is not None:
        z = _product(block.rows.weights, z.flatten(1)).unflatten(1, z.shape[1:])
    return z


def _add_derivative(of_logits: Tensor, scores: _Scores, of_z: Tensor, g: Tensor) -> None:
    """Adds the derivative of a block to ``of_logits``, (B, classes, h, w).

    Args:
        of_logits: (B, classes, h, w).
        scores: of the block.
        of_z: (rows, images, classes, columns), without the term [j = y]; is overwritten.
        g: (rows, images, 1, columns), derivative of each nll; 0 where the pixel is ignored.
    """
    block = scores.block
    of_z.scatter_add_(2, scores.classes, -g)
    if block.rows.weights is not None:
        of_z = _product(block.rows.weights.T, of_z.flatten(1)).unflatten(1, of_z.shape[1:])
    if block.columns.weights is not None:
        of_z = _product(of_z.flatten(0, 2), block.columns.weights).unflatten(0, of_z.shape[:3])
    _sources(of_logits, block).add_(of_z)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b, also where autocast would have it in half precision."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b
