"""The most probable class of every pixel, from class scores at low resolution, without class scores of every pixel."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from encnet.inference.engines.engine import available_cores

if TYPE_CHECKING:
    from torch import Tensor

ELEMENTS = 2**18
"""Of a block of rows: at most so many pixels, and class scores at low resolution, unless one row has more. Each core
works on one."""
DEVICE_ELEMENTS = 2**24
"""On a GPU: at most so many interpolated class scores at once, unless one row has more."""
_COST = 12
"""Of a score that is interpolated alone, in scores that are interpolated together; measured."""


class Strip(NamedTuple):
    """Some rows of a map of class scores whose other rows are not at hand, and the rows of pixels that they decide."""

    top: int  #: which row of the map the first one at hand is
    places: int  #: rows of the whole map
    pixels: slice  #: of the image; each lies between two rows that are at hand


@overload
def most_probable(
    logits: np.ndarray, size: tuple[int, int], align_corners: bool = False, strip: Strip | None = None
) -> np.ndarray: ...
@overload
def most_probable(
    logits: Tensor, size: tuple[int, int], align_corners: bool = False, strip: Strip | None = None
) -> Tensor: ...
def most_probable(logits: Any, size: tuple[int, int], align_corners: bool = False, strip: Strip | None = None) -> Any:
    """The class of the greatest score of every pixel, after bilinear interpolation, which is not carried out::

        label_p = argmax_c Σ_j w_pj z_jc,   w_pj ≥ 0,   Σ_j w_pj = 1,   j the corners of the cell in which p lies

    A cell is the square between four neighbouring places of the low resolution. Inside it the score of a class is
    between the least and the greatest of its corners. Two things follow. A class that is the maximum at all four
    corners is so in the whole cell: most cells are decided by comparing four numbers. And in the others a class is
    nowhere the maximum if its greatest corner is below the least corner of some class, or of the mean of some classes:
    only the scores of the few classes that remain are interpolated, at the pixels of these cells. So the time hardly
    depends on the number of classes. Where many remain, as in noise, all classes are interpolated, a few rows at a
    time. Each core takes a block of rows at a time. No tensor of classes times pixels exists.

    The result is that of ``F.interpolate(..., antialias=False).argmax(1)``, except where two scores differ by less
    than float32 resolves. Of equal scores the first class wins. A GPU interpolates all classes, by blocks of rows.

    Args:
        logits: (B, classes, h, w), floating-point, in any memory layout; channels last is read in place. An array, or
            a tensor on any device.
        size: H and W, in pixels; may be smaller than h and w.
        align_corners: where pixels lie: as in ``F.interpolate``.
        strip: says that the logits are rows of a larger map, which is that of the image of ``size``.

    Returns:
        (B, H, W) uint8, or uint16 with more than 256 classes; an array, or a tensor on the device of the logits. Of a
        strip only its rows of pixels.
    """
    if isinstance(logits, np.ndarray):
        return _by_cells(logits, size, align_corners, strip)
    import torch

    if logits.device.type != "cpu":
        return by_rows(logits, size, align_corners, strip)
    numbers = logits.detach() if logits.dtype in (torch.float32, torch.float64) else logits.detach().float()
    return torch.from_numpy(_by_cells(numbers.numpy(), size, align_corners, strip))


def decidable(places: int, pixels: int, known: int, align_corners: bool = False) -> int:
    """How many rows of ``pixels``, from the first, lie between the first ``known`` rows of a map of ``places``."""
    return int(np.searchsorted(_side(places, pixels, align_corners).second, known))


def by_rows(
    logits: Tensor,
    size: tuple[int, int],
    align_corners: bool = False,
    strip: Strip | None = None,
    elements: int = DEVICE_ELEMENTS,
) -> Tensor:
    """:func:`most_probable` by interpolation of all classes, in blocks of rows of up to ``elements`` scores."""
    import torch
    import torch.nn.functional as F

    classes, width = logits.shape[1], size[1]
    scores = logits.to(torch.promote_types(logits.dtype, torch.float32))
    side = _rows(scores.shape[2], size[0], align_corners, strip)
    height = len(side.first)
    first, second = (torch.from_numpy(rows).to(scores.device) for rows in (side.first, side.second))
    weight = torch.from_numpy(side.weight).to(scores)[:, None]
    labels = scores.new_empty(len(scores), height, width, dtype=torch.uint8 if classes <= 256 else torch.uint16)
    step = max(1, elements // (classes * width))
    for image, decided in zip(scores, labels, strict=True):
        for rows in (slice(start, start + step) for start in range(0, height, step)):
            band = torch.lerp(image[:, first[rows]], image[:, second[rows]], weight[rows])
            wide = F.interpolate(band[None], (band.shape[1], width), mode="bilinear", align_corners=align_corners)
            decided[rows] = wide[0].argmax(dim=0)
    return labels


class _Side(NamedTuple):
    """Between which two places each pixel along one side lies, and the weight, 0-1, of the second; (pixels,) each."""

    first: np.ndarray
    second: np.ndarray
    weight: np.ndarray


def _side(old: int, new: int, align_corners: bool) -> _Side:
    """Bilinear interpolation of a side of ``old`` places to ``new`` pixels, in exact fractions."""
    pixels = np.arange(new)
    if align_corners:
        numerator, denominator = pixels * (old - 1), max(new - 1, 1)
    else:
        numerator, denominator = np.maximum((2 * pixels + 1) * old - new, 0), 2 * new
    first, rest = np.divmod(numerator, denominator)
    return _Side(first, np.minimum(first + 1, old - 1), rest / denominator)


def _rows(places: int, pixels: int, align_corners: bool, strip: Strip | None) -> _Side:
    """:func:`_side` of rows; of a strip only its own pixels, and its places counted from its top."""
    if strip is None:
        return _side(places, pixels, align_corners)
    first, second, weight = (part[strip.pixels] for part in _side(strip.places, pixels, align_corners))
    return _Side(first - strip.top, second - strip.top, weight)


def _by_cells(logits: np.ndarray, size: tuple[int, int], align_corners: bool, strip: Strip | None = None) -> np.ndarray:
    images, classes, h, w = logits.shape
    rows, columns = _rows(h, size[0], align_corners, strip), _side(w, size[1], align_corners)
    height, width = len(rows.first), size[1]
    labels = np.empty((images, height, width), np.uint8 if classes <= 256 else np.uint16)
    cores = available_cores()
    blocks_each = math.ceil(max(height * width, h * w * classes, 1) / ELEMENTS / cores)  # of a core
    step = math.ceil(max(height, 1) / (blocks_each * cores))

    def decide(image: int, start: int) -> None:
        block_rows = _Side(*(part[start : start + step] for part in rows))
        top, bottom = block_rows.first[0], block_rows.second[-1] + 1
        scores = np.ascontiguousarray(logits[image, :, top:bottom].transpose(1, 2, 0))
        local = block_rows._replace(first=block_rows.first - top, second=block_rows.second - top)
        with np.errstate(invalid="ignore"):  # infinite scores
            _decide(scores, local, columns, labels[image, start : start + step])

    with ThreadPoolExecutor(cores) as pool:  # NumPy lets go of Python's lock while it computes
        running = [pool.submit(decide, image, start) for image in range(images) for start in range(0, height, step)]
        for each in running:
            each.result()
    return labels


def _decide(scores: np.ndarray, rows: _Side, columns: _Side, labels: np.ndarray) -> None:
    """Fills labels, (H, W) and contiguous, with the classes of the maxima of scores (h, w, classes)."""
    best = scores.argmax(axis=2).astype(labels.dtype)
    below = np.concatenate([best[1:], best[-1:]])
    beside, diagonal = (np.concatenate([each[:, 1:], each[:, -1:]], axis=1) for each in (best, below))
    mixed = (best != below) | (best != beside) | (best != diagonal)
    for side, cells in ((rows, mixed), (columns, mixed.T)):
        cells[np.bincount(side.first, minlength=len(cells)) == 0] = False  # without pixels: the map shrinks
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
    down, right = (side.weight.astype(scores.dtype)[at] for side, at in ((rows, y), (columns, x)))
    up, left = 1 - down, 1 - right
    weights = np.stack([up * left, up * right, down * left, down * right], axis=1)
    for part in np.split(np.arange(len(pixels)), np.searchsorted(total, np.arange(ELEMENTS, total[-1], ELEMENTS))):
        if len(part):
            _interpolate(candidates, cell[part], weights[part], pixels[part], labels)


def _decide_fully(scores: np.ndarray, rows: _Side, columns: _Side, labels: np.ndarray) -> None:
    """:func:`_decide` by interpolation of all classes."""
    down, right = (side.weight.astype(scores.dtype)[:, None] for side in (rows, columns))
    for row, (top, bottom, weight) in enumerate(zip(rows.first, rows.second, down, strict=True)):
        band = scores[top] + weight * (scores[bottom] - scores[top])  # (w, classes)
        wide = band[columns.second]
        start = band[columns.first]
        wide -= start
        wide *= right
        wide += start
        labels[row] = wide.argmax(axis=1)


class _Candidates(NamedTuple):
    """The classes that can be the maximum somewhere in a cell: a list, cell after cell, the classes rising in each."""

    classes: np.ndarray  # (candidates,)
    corners: np.ndarray  # (candidates, 4), their scores at the corners: above left and right, below left and right
    first: np.ndarray  # (cells,), where the list of the cell begins
    number: np.ndarray  # (cells,), and how long it is


def _candidates(scores: np.ndarray, best: np.ndarray, mixed: np.ndarray) -> _Candidates:
    """Of the cells, by their corner above left, where ``mixed`` (h, w) is true."""
    # `take` of flat indices throughout: it is many times faster than indexing by rows and columns.
    (h, w), classes = mixed.shape, scores.shape[2]
    top, left = np.divmod(np.flatnonzero(mixed), w)
    bottom, right = np.minimum(top + 1, h - 1), np.minimum(left + 1, w - 1)
    places = (top * w + left, top * w + right, bottom * w + left, bottom * w + right)
    corners = [scores.reshape(-1, classes).take(place, axis=0) for place in places]
    # What some class, or the mean of the classes that win a corner, has in the whole cell at least.
    of_class = reduce(np.minimum, corners).max(axis=1)
    winners = np.stack([best.take(place) for place in places], axis=1) + np.arange(len(top))[:, None] * classes
    of_mean = reduce(np.minimum, [corner.take(winners).mean(axis=1) for corner in corners])
    possible = reduce(np.maximum, corners) >= np.maximum(of_class, of_mean)[:, None]
    possible.reshape(-1)[winners[:, 0]] = True  # also where scores are no numbers
    found = np.flatnonzero(possible)
    number = np.count_nonzero(possible, axis=1)
    return _Candidates(
        found % classes,
        np.stack([corner.take(found) for corner in corners], axis=1),
        np.cumsum(number) - number,
        number,
    )


def _interpolate(
    candidates: _Candidates, cell: np.ndarray, weights: np.ndarray, pixels: np.ndarray, labels: np.ndarray
) -> None:
    """Writes the best candidate of its cell into each of ``pixels``, which are indices of the flat labels."""
    flat, first, number = labels.reshape(-1), candidates.first[cell], candidates.number[cell]
    starts = np.cumsum(number) - number
    # Of a list of scores, those of all candidates of a pixel, of the next one, ...: whose each is.
    owner = np.repeat(np.arange(len(pixels)), number)
    candidate = np.arange(len(owner)) - np.repeat(starts - first, number)
    score = np.einsum("pj,pj->p", candidates.corners.take(candidate, axis=0), weights.take(owner, axis=0))
    greatest = np.maximum.reduceat(score, starts)
    hits = np.flatnonzero(score == greatest[owner])[::-1]  # of equal ones the first is written last
    flat[pixels[owner[hits]]] = candidates.classes[candidate[hits]]
