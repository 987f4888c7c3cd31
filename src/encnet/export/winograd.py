"""Winograd's convolution in ONNX, which has no operation for it: as gathers and matrix products.

A graph that PyTorch traces would hold the sizes of all tiles as formulas of the image's size, and take minutes to make
for deep networks. So :func:`encnet.kernels.winograd_conv.convolve` is one operation to PyTorch, and this module writes
that operation in ONNX. Transforms and tiles are those of :mod:`encnet.kernels.winograd` and
:mod:`encnet.kernels.winograd_tiles`: the same formulas, of the sizes that the graph finds when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

import encnet.kernels.winograd_conv  # noqa: F401  (the operation that it registers is translated)
from encnet.kernels.winograd import INPUT_TRANSFORM, OUTPUT_TRANSFORM
from encnet.kernels.winograd_tiles import INPUTS, Side, outputs_of_pixels, pixels_of_tiles


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Operations of ours -> the functions that write them, for ``torch.onnx.export``."""
    return {torch.ops.encnet.winograd.default: _winograd}


@dataclass(frozen=True)
class Integers:
    """Integers that the graph computes, with the operators that the formulas of the tiles are written in."""

    node: Any
    """The value in the graph: a scalar or a tensor of 64-bit integers."""

    def __add__(self, other: Integers | int) -> Integers:
        return Integers(_operations().Add(self.node, _node(other)))

    def __mul__(self, other: Integers | int) -> Integers:
        return Integers(_operations().Mul(self.node, _node(other)))

    def __floordiv__(self, other: Integers | int) -> Integers:
        return Integers(_operations().Div(self.node, _node(other)))  # of numbers that are not negative

    def __mod__(self, other: Integers | int) -> Integers:
        return Integers(_operations().Mod(self.node, _node(other)))

    def reshape(self, *shape: int) -> Integers:
        return Integers(_operations().Reshape(self.node, _integers(list(shape))))

    @classmethod
    def below(cls, number: Integers | int) -> Integers:
        """0, 1, ... up to a number, which is none of them."""
        return cls(_operations().Range(_integers(0), _node(number), _integers(1)))


def _winograd(features: Any, kernels: Any, bias: Any, dilation: int) -> Any:
    """The nodes of :func:`encnet.kernels.winograd.winograd`: see there for the arguments and the equation."""
    op = _operations()
    _, read, written = kernels.shape
    shape = op.Shape(features)
    images, height, width = (Integers(op.Gather(shape, _integers(axis))) for axis in (0, 2, 3))
    sides = (Side.of(height, dilation, dilation), Side.of(width, dilation, dilation))
    ends = [op.Reshape(op.Sub(_node(side.padded), _node(side.size + dilation)), _integers([1])) for side in sides]
    pads = op.Concat(_integers([0, dilation, dilation, 0, 0]), *ends, _integers([0]), axis=0)
    pixels = op.Reshape(op.Pad(op.Transpose(features, perm=[0, 2, 3, 1]), pads), _integers([-1, read]))
    numbers = pixels_of_tiles(images, sides, dilation, INPUTS, Integers.below).node
    tiles = op.Gather(pixels, numbers, axis=0)  # (36, T, C)
    V = op.MatMul(_floats(INPUT_TRANSFORM), op.Reshape(tiles, _integers([INPUTS**2, -1])))
    products = op.MatMul(op.Reshape(V, _integers([INPUTS**2, -1, read])), kernels)
    outputs = op.MatMul(_floats(OUTPUT_TRANSFORM), op.Reshape(products, _integers([INPUTS**2, -1])))
    outputs = op.Reshape(outputs, _integers([-1, written]))  # (16 T, written)
    numbers = outputs_of_pixels(images, sides, dilation, Integers.below).node
    output = op.Gather(outputs, numbers, axis=0)  # (B, H, W, written)
    return op.Transpose(output if bias is None else op.Add(output, bias), perm=[0, 3, 1, 2])


def _node(value: Integers | int) -> Any:
    return value.node if isinstance(value, Integers) else _integers(value)


def _integers(values: Any) -> Any:
    """A constant of 64-bit integers."""
    from onnxscript import ir

    return _operations().Constant(value=ir.tensor(np.asarray(values, dtype=np.int64)))


def _floats(matrix: Tensor) -> Any:
    """A constant of 32-bit floats."""
    from onnxscript import ir

    return _operations().Constant(value=ir.tensor(matrix.to(torch.float32).numpy()))


def _operations() -> Any:
    """The operations of ONNX; a call adds a node to the graph that is being written."""
    from onnxscript import opset18

    return opset18
