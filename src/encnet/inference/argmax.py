"""The most probable class of every pixel, from class scores at low resolution, without a score per class and pixel."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from encnet.data.class_indices import for_torch, is_wide, label_dtype
from encnet.system.cores import available_cores

if TYPE_CHECKING:
    from torch import Tensor

ELEMENTS: int = 2**18
"""Upper bound on pixels, and on low-resolution scores, per block of rows; a block has at least one row. Each core works
on one block at a time."""
DEVICE_ELEMENTS: int = 2**24
"""Upper bound on interpolated scores per block of rows on a GPU; a block has at least one row."""
_COST = 12
"""Measured cost of interpolating one sparse score, relative to one dense score."""


class Strip(NamedTuple):
    """A strip of rows of a score map, and the rows of pixels that they decide."""

    top: int  #: index in the score map of the first row of the strip
    places: int  #: number of rows of the whole score map
    pixels: slice  #: rows of pixels of the image, each between two rows of the strip


@overload
def most_probable(
    logits: np.ndarray, size: tuple[int, int], align_corners: bool = False, strip: Strip | None = None
) -> np.ndarray: ...
@overload
def most_probable(
    logits: Tensor, size: tuple[int, int], align_corners: bool = False, strip: Strip | None = None
) -> Tensor: ...
def most_probable(logits: Any, size: tuple[int, int], align_corners: bool = False, strip: Strip | None = None) -> Any:
    """The class with the highest score at every pixel after bilinear interpolation, mostly without interpolating::

        label_p = argmax_c Σ_j w_pj z_jc,   w_pj ≥ 0,   Σ_j w_pj = 1,   j the corners of the cell that contains p

    A cell is the square between four neighbouring places of the score map. Inside a cell, the score of a class lies
    between its lowest and its highest corner. This has two consequences. A class that is the maximum at all four
    corners is the maximum in the whole cell, so most cells are decided by comparing four numbers. In the other cells, a
    class is nowhere the maximum if its highest corner is below the lowest corner of another class, or of the mean of
    several classes; only the few remaining classes are interpolated, at the pixels of these cells. So the time hardly
    depends on the number of classes. Where many classes remain, as in noise, all classes are interpolated, one row of
    pixels at a time. Each core works on one block of rows at a time. There is never a tensor of classes times pixels.

    The result equals ``F.interpolate(..., antialias=False).argmax(1)``, except where two scores differ by less than the
    resolution of float32. In a tie the first class wins. A GPU interpolates all classes, in blocks of rows.

    Args:
        logits: (B, classes, h, w), floating-point, in any memory layout; channels last is read in place. An array, or
            a tensor on any device.
        size: H and W of the image in pixels; may be smaller than h and w.
        align_corners: position of the pixels, as in ``F.interpolate``.
        strip: if given, the logits are only a strip of the score map of the image.

    Returns:
        (B, H, W) uint8; or, with more than 255 classes, uint16 in an array and int32 in a tensor. A tensor is on the
        device of the logits. For a strip, only its rows of pixels.
    """
    if isinstance(logits, np.ndarray):
        return _by_cells(logits, size, align_corners, strip)
    import torch

    if logits.device.type != "cpu":
        return by_rows(logits, size, align_corners, strip)
    numbers = logits.detach() if logits.dtype in (torch.float32, torch.float64) else logits.detach().float()
    return torch.from_numpy(for_torch(_by_cells(numbers.numpy(), size, align_corners, strip)))


def decidable(places: int, pixels: int, known: int, align_corners: bool = False) -> int:
    """Number of rows, of all ``pixels``, that the first ``known`` rows of a score map of ``places`` rows decide."""
    return int(np.searchsorted(_side(places, pixels, align_corners).second, known))


def by_rows(
    logits: Tensor,
    size: tuple[int, int],
    align_corners: bool = False,
    strip: Strip | None = None,
    elements: int = DEVICE_ELEMENTS,
) -> Tensor:
    """:func:`most_probable` by interpolating all classes, in blocks of rows with at most ``elements`` scores."""
    import torch
    import torch.nn.functional as F

    classes, width = logits.shape[1], size[1]
    scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
    side = _rows(scores.shape[2], size[0], align_corners, strip)
    height = len(side.first)
    first, second = (torch.from_numpy(rows).to(scores.device) for rows in (side.first, side.second))
    weight = torch.from_numpy(side.weight).to(scores)[:, None]
    labels = scores.new_empty(len(scores), height, width, dtype=torch.int32 if is_wide(classes) else torch.uint8)
    step = max(1, elements // (classes * width))
    for image, image_labels in zip(scores, labels, strict=True):
        for rows in (slice(start, start + step) for start in range(0, height, step)):
            band = torch.lerp(image[:, first[rows]], image[:, second[rows]], weight[rows])
            wide = F.interpolate(band[None], (band.shape[1], width), mode="bilinear", align_corners=align_corners)
            image_labels[rows] = wide[0].argmax(dim=0)
    return labels


class _Side(NamedTuple):
    """Bilinear interpolation along one side: two neighbouring places per pixel, and the weight of the second."""

    first: np.ndarray  # (pixels,) int
    second: np.ndarray  # (pixels,) int
    weight: np.ndarray  # (pixels,), 0-1


def _side(old: int, new: int, align_corners: bool) -> _Side:
    """The interpolation from ``old`` places to ``new`` pixels, computed in exact fractions."""
    pixels = np.arange(new)
    if align_corners:
        numerator, denominator = pixels * (old - 1), max(new - 1, 1)
    else:
        numerator, denominator = np.maximum((2 * pixels + 1) * old - new, 0), 2 * new
    first, rest = np.divmod(numerator, denominator)
    return _Side(first, np.minimum(first + 1, old - 1), rest / denominator)


def _rows(places: int, pixels: int, align_corners: bool, strip: Strip | None) -> _Side:
    """:func:`_side` of the rows; for a strip, only that of its pixels, with places counted from its top."""
    if strip is None:
        return _side(places, pixels, align_corners)
    first, second, weight = (part[strip.pixels] for part in _side(strip.places, pixels, align_corners))
    return _Side(first - strip.top, second - strip.top, weight)


def _by_cells(logits: np.ndarray, size: tuple[int, int], align_corners: bool, strip: Strip | None = None) -> np.ndarray:
    """:func:`most_probable` on the CPU: decides cells, in blocks of rows."""
    images, classes, h, w = logits.shape
    rows, columns = _rows(h, size[0], align_corners, strip), _side(w, size[1], align_corners)
    height, width = len(rows.first), size[1]
    labels = np.empty((images, height, width), label_dtype(classes))
    cores = available_cores()
    blocks_per_core = math.ceil(max(height * width, h * w * classes, 1) / ELEMENTS / cores)
    step = math.ceil(max(height, 1) / (blocks_per_core * cores))

    def decide(image: int, start: int) -> None:
        block_rows = _Side(*(part[start : start + step] for part in rows))
        top, bottom = block_rows.first[0], block_rows.second[-1] + 1
        scores = np.ascontiguousarray(logits[image, :, top:bottom].transpose(1, 2, 0))
        local = block_rows._replace(first=block_rows.first - top, second=block_rows.second - top)
        with np.errstate(invalid="ignore"):  # infinite scores
            _decide(scores, local, columns, labels[image, start : start + step])

    with ThreadPoolExecutor(cores) as pool:  # NumPy releases the GIL while it computes
        futures = [pool.submit(decide, image, start) for image in range(images) for start in range(0, height, step)]
        for future in futures:
            future.result()
    return labels


def _decide(scores: np.ndarray, rows: _Side, columns: _Side, labels: np.ndarray) -> None:
    """Fills labels, (H, W) and contiguous, with the classes of the highest scores, (h, w, classes)."""
    best = scores.argmax(axis=2).astype(labels.dtype)
    below = np.concatenate([best[1:], best[-1:]])
    right, diagonal = (np.concatenate([classes[:, 1:], classes[:, -1:]], axis=1) for classes in (best, below))
    mixed = (best != below) | (best != right) | (best != diagonal)
    for side, cells in ((rows, mixed), (columns, mixed.T)):
        cells[np.bincount(side.first, minlength=len(cells)) == 0] = False  # cells without pixels, if the map shrinks
    labels[:] = best.take(rows.first, axis=0).take(columns.first, axis=1)
    pixels = np.flatnonzero(mixed.take(rows.first, axis=0).take(columns.first, axis=1))
    if len(pixels) == 0:
        return
    y, x = np.divmod(pixels, labels.shape[1])
    candidates = _candidates(scores, best, mixed)
    cell = (np.cumsum(mixed) - 1).reshape(mixed.shape)[rows.first[y], columns.first[x]]
    total = np.cumsum(candidates.number[cell])
    if total[-1] * _COST > labels.size * scores.shape[2]:
        _decide_fully(scores, rows, columns, labels)
        return
    v, u = (side.weight.astype(scores.dtype)[index] for side, index in ((rows, y), (columns, x)))
    weights = np.stack([(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u], axis=1)
    for part in np.split(np.arange(len(pixels)), np.searchsorted(total, np.arange(ELEMENTS, total[-1], ELEMENTS))):
        if len(part):
            _interpolate(candidates, cell[part], weights[part], pixels[part], labels)


def _decide_fully(scores: np.ndarray, rows: _Side, columns: _Side, labels: np.ndarray) -> None:
    """:func:`_decide` by interpolating all classes."""
    row_weight, column_weight = (side.weight.astype(scores.dtype)[:, None] for side in (rows, columns))
    for row, (top, bottom, weight) in enumerate(zip(rows.first, rows.second, row_weight, strict=True)):
        band = scores[top] + weight * (scores[bottom] - scores[top])  # (w, classes)
        wide = band[columns.second]
        start = band[columns.first]
        wide -= start
        wide *= column_weight
        wide += start
        labels[row] = wide.argmax(axis=1)


class _Candidates(NamedTuple):
    """The classes that can be the maximum somewhere in a cell, in one list, sorted by cell and then by class."""

    classes: np.ndarray  # (candidates,)
    corners: np.ndarray  # (candidates, 4): scores at the corners top left, top right, bottom left, bottom right
    first: np.ndarray  # (cells,): index of the first candidate of each cell
    number: np.ndarray  # (cells,): number of candidates of each cell


def _candidates(scores: np.ndarray, best: np.ndarray, mixed: np.ndarray) -> _Candidates:
    """The candidates of the cells whose top left corner is true in ``mixed`` (h, w)."""
    # Everything uses `take` with flat indices, which is many times faster than indexing by rows and columns.
    (h, w), classes = mixed.shape, scores.shape[2]
    top, left = np.divmod(np.flatnonzero(mixed), w)
    bottom, right = np.minimum(top + 1, h - 1), np.minimum(left + 1, w - 1)
    places = (top * w + left, top * w + right, bottom * w + left, bottom * w + right)
    corners = [scores.reshape(-1, classes).take(place, axis=0) for place in places]
    # Two lower bounds on the maximum in the whole cell: from one class, and from the mean of the corners' best classes.
    class_bound = reduce(np.minimum, corners).max(axis=1)
    winners = np.stack([best.take(place) for place in places], axis=1) + np.arange(len(top))[:, None] * classes
    mean_bound = reduce(np.minimum, [corner.take(winners).mean(axis=1) for corner in corners])
    possible = reduce(np.maximum, corners) >= np.maximum(class_bound, mean_bound)[:, None]
    possible.reshape(-1)[winners[:, 0]] = True  # at least one candidate, even if scores are NaN
    candidates = np.flatnonzero(possible)
    number = np.count_nonzero(possible, axis=1)
    return _Candidates(
        candidates % classes,
        np.stack([corner.take(candidates) for corner in corners], axis=1),
        np.cumsum(number) - number,
        number,
    )


def _interpolate(
    candidates: _Candidates, cell: np.ndarray, weights: np.ndarray, pixels: np.ndarray, labels: np.ndarray
) -> None:
    """Sets the label of each of ``pixels``, indices of the flat labels, to the best candidate of its cell."""
    flat, first, number = labels.reshape(-1), candidates.first[cell], candidates.number[cell]
    starts = np.cumsum(number) - number
    # The scores are one list, pixel after pixel; `owner` is the pixel of each score, `candidate` its candidate.
    owner = np.repeat(np.arange(len(pixels)), number)
    candidate = np.arange(len(owner)) - np.repeat(starts - first, number)
    score = np.einsum("pj,pj->p", candidates.corners.take(candidate, axis=0), weights.take(owner, axis=0))
    highest = np.maximum.reduceat(score, starts)
    hits = np.flatnonzero(score == highest[owner])[::-1]  # in a tie the first class is written last, and so wins
    flat[pixels[owner[hits]]] = candidates.classes[candidate[hits]]
