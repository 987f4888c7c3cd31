"""Winograd's convolution in ONNX, which has no operation for it: as gathers and matrix products.

A graph that PyTorch traces would hold the sizes of all tiles as formulas of the image's size, and take minutes to make
for deep networks. So :func:`encnet.inference.engines.fast_conv.convolve` is one operation to PyTorch, and this is
what it is written as.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import encnet.inference.engines.fast_conv  # noqa: F401  (what it registers is translated)
from encnet.model.winograd import INPUT_TRANSFORM, OUTPUT_TRANSFORM
from encnet.model.winograd_tiles import INPUTS, OUTPUTS


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Operations of ours -> the functions that write them, for ``torch.onnx.export``."""
    return {torch.ops.encnet.winograd.default: _winograd}


class _Side(NamedTuple):
    """A side of the map, its height or its width, as the graph knows it when it runs: scalars."""

    size: Any  #: pixels
    tiles: Any  #: of one sub-grid
    padded: Any  #: pixels with zeros before and after: as many as all tiles read


def _winograd(features: Any, kernels: Any, bias: Any, dilation: int) -> Any:
    """The nodes of :func:`encnet.model.winograd.winograd`: see there for the arguments and the equation."""
    op = _operations()
    _, read, written = kernels.shape
    rows, columns = (_side(features, axis, dilation) for axis in (2, 3))
    images = op.Range(_integers(0), op.Gather(op.Shape(features), _integers(0)), _integers(1))
    ends = [
        op.Reshape(op.Sub(op.Sub(side.padded, _integers(dilation)), side.size), _integers([1]))
        for side in (rows, columns)
    ]
    pads = op.Concat(_integers([0, dilation, dilation, 0, 0]), *ends, _integers([0]), axis=0)
    pixels = op.Reshape(op.Pad(op.Transpose(features, perm=[0, 2, 3, 1]), pads), _integers([-1, read]))
    tiles = op.Gather(pixels, _pixels_read(images, rows, columns, dilation), axis=0)  # (36, T, C)
    V = op.MatMul(_floats(INPUT_TRANSFORM), op.Reshape(tiles, _integers([INPUTS**2, -1])))
    products = op.MatMul(op.Reshape(V, _integers([INPUTS**2, -1, read])), kernels)
    outputs = op.MatMul(_floats(OUTPUT_TRANSFORM), op.Reshape(products, _integers([INPUTS**2, -1])))
    outputs = op.Reshape(outputs, _integers([-1, written]))  # (16 T, written)
    output = op.Gather(outputs, _outputs_kept(images, rows, columns, dilation), axis=0)  # (B, H, W, written)
    return op.Transpose(output if bias is None else op.Add(output, bias), perm=[0, 3, 1, 2])


def _side(features: Any, axis: int, dilation: int) -> _Side:
    op, step = _operations(), OUTPUTS * dilation
    size = op.Gather(op.Shape(features), _integers(axis))
    tiles = op.Div(op.Add(size, _integers(step - 1)), _integers(step))
    return _Side(size, tiles, op.Add(op.Mul(tiles, _integers(step)), _integers(2 * dilation)))


def _pixels_read(images: Any, rows: _Side, columns: _Side, dilation: int) -> Any:
    """Which pixels of the padded map the tiles read, (36, T)."""
    op = _operations()
    first_row, first_column = (_first_pixels(side, dilation) for side in (rows, columns))
    first_row = op.Mul(op.Unsqueeze(first_row, _integers([1])), columns.padded)
    image = op.Reshape(op.Mul(images, op.Mul(rows.padded, columns.padded)), _integers([-1, 1, 1]))
    first = op.Reshape(op.Add(op.Add(image, first_row), first_column), _integers([1, -1]))  # of each tile
    places = [dilation * place for place in range(INPUTS)]
    further = op.Add(op.Mul(_integers([[place] for place in places]), columns.padded), _integers(places))
    return op.Add(op.Reshape(further, _integers([-1, 1])), first)


def _first_pixels(side: _Side, dilation: int) -> Any:
    """Where each tile of a side begins, those of all sub-grids: (tiles x dilation,)."""
    op = _operations()
    of_first_grid = op.Mul(op.Range(_integers(0), side.tiles, _integers(1)), _integers(OUTPUTS * dilation))
    of_grids = op.Add(op.Unsqueeze(of_first_grid, _integers([1])), _integers(range(dilation)))
    return op.Reshape(of_grids, _integers([-1]))


def _outputs_kept(images: Any, rows: _Side, columns: _Side, dilation: int) -> Any:
    """Which of the (16, T) outputs of all tiles each pixel of the map is, (B, H, W)."""
    op = _operations()
    (place_row, tile_row), (place_column, tile_column) = (_writers(side, dilation) for side in (rows, columns))
    in_row = op.Mul(columns.tiles, _integers(dilation))
    in_image = op.Mul(op.Mul(rows.tiles, _integers(dilation)), in_row)
    count = op.Mul(op.Gather(op.Shape(images), _integers(0)), in_image)
    place = op.Add(op.Mul(op.Unsqueeze(place_row, _integers([1])), _integers(OUTPUTS)), place_column)
    tile = op.Add(op.Mul(op.Unsqueeze(tile_row, _integers([1])), in_row), tile_column)
    image = op.Reshape(op.Mul(images, in_image), _integers([-1, 1, 1]))
    return op.Add(image, op.Add(op.Mul(place, count), tile))


def _writers(side: _Side, dilation: int) -> tuple[Any, Any]:
    """For each pixel of a side, its place in the tile that writes it, and which tile that is, (size,)."""
    op = _operations()
    pixels = op.Range(_integers(0), side.size, _integers(1))
    place = op.Mod(op.Div(pixels, _integers(dilation)), _integers(OUTPUTS))
    tiles_before = op.Mul(op.Div(pixels, _integers(OUTPUTS * dilation)), _integers(dilation))
    return place, op.Add(tiles_before, op.Mod(pixels, _integers(dilation)))


def _integers(values: Any) -> Any:
    """A constant of 64-bit integers."""
    from onnxscript import ir

    return _operations().Constant(value=ir.tensor(np.asarray(values, dtype=np.int64)))


def _floats(matrix: Tensor) -> Any:
    """A constant of 32-bit floats."""
    from onnxscript import ir

    return _operations().Constant(value=ir.tensor(matrix.to(torch.float32).numpy()))


def _operations() -> Any:
    """Of ONNX; called, they add nodes to the graph that is being written."""
    from onnxscript import opset18

    return opset18
