"""Convolutions with 3x3 kernels in a quarter of the multiplications."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from itertools import product

import torch
from torch import Tensor

from encnet.model.winograd_tiles import INPUTS, Tiles

WORTH = 128 * 256
"""Channels read times channels written, from which on it is faster: with 128 each, moving the tiles costs what the
arithmetic saves."""
KERNELS = 40 << 20
"""Bytes of kernels that :func:`convolve` and the derivatives have transformed at a time, which are four times as many
numbers as the kernels: 512 x 512 channels in float32."""


def _both_sides(*rows: tuple[float, ...]) -> Tensor:
    """The matrix M of these rows, so that M x Mᵀ is one product with the list of the numbers of x: M ⊗ M."""
    matrix = torch.tensor(rows, dtype=torch.float64)
    return torch.kron(matrix, matrix)


INPUT_TRANSFORM = _both_sides(
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
"""Bᵀ ⊗ Bᵀ, (36, 36): from the numbers of a tile to those that are multiplied."""
_G = _both_sides(
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
OUTPUT_TRANSFORM = _both_sides((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
"""Aᵀ ⊗ Aᵀ, (16, 36): from the products to a tile's outputs."""


def suits(weight: Sequence[int]) -> bool:
    """Whether a weight of this shape is that of a 3x3 convolution that :func:`winograd` computes faster."""
    written, read, *kernel = weight
    return kernel == [3, 3] and read * written >= WORTH


def winograd(features: Tensor, transformed: Tensor, bias: Tensor | None, dilation: int = 1) -> Tensor:
    """A 3x3 convolution with zero border, padding and dilation d, by Winograd's minimal filtering F(4x4, 3x3)::

        Y = Aᵀ [ Σ_c (G g_c Gᵀ) ⊙ (Bᵀ x_c B) ] A

    for each tile x of 6x6 inputs, of which the next is 4 further on, g the kernel and Y 4x4 outputs. The sum over
    channels c is one matrix product for each of the 36 places: 36 multiplications for 16 outputs, where the plain form
    has 144. With dilation each of the d x d sub-grids of the image is convolved by itself. In float32 the result
    differs from the plain form's by some 10⁻⁵ of its spread, since it adds numbers that are larger than itself.

    Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016, section 4.

    Args:
        features: (B, C, H, W), on the CPU, best channels last.
        transformed: (36, C, channels written), of :func:`transform`.
        bias: (channels written,), or None.
        dilation: d.

    Returns:
        (B, channels written, H, W), channels last.
    """
    read, written = transformed.shape[1:]
    tiles = Tiles(features.shape, dilation)
    BT, AT = INPUT_TRANSFORM.to(features), OUTPUT_TRANSFORM.to(features)
    outputs = []
    for inputs in tiles.inputs(features, tiles.parts(max(read, written), features)):
        V = (BT @ inputs.flatten(1)).unflatten(1, (-1, read))
        outputs.append((AT @ (V @ transformed).flatten(1)).unflatten(1, (-1, written)))
    output = tiles.put_together(outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1))
    return (output if bias is None else output + bias).permute(0, 3, 1, 2)


def transform(weight: Tensor) -> Tensor:
    """Kernels as :func:`winograd` takes them, G g Gᵀ: (channels written, C, 3, 3) -> (36, C, channels written)."""
    return (_G.to(weight) @ weight.permute(2, 3, 1, 0).flatten(0, 1).flatten(1)).unflatten(1, (weight.shape[1], -1))


def convolve(features: Tensor, weight: Tensor, bias: Tensor | None, dilation: int = 1) -> Tensor:
    """:func:`winograd` with kernels that are transformed for this once, a part at a time.

    Args:
        features: (B, C, H, W), on the CPU, best channels last.
        weight: (channels written, C, 3, 3).
        bias: (channels written,), or None.
        dilation: of the kernels.

    Returns:
        (B, channels written, H, W), channels last.
    """
    reads, writes = _parts(weight)

    def of_channels(read: slice) -> Tensor:
        parts = [winograd(features[:, read], transform(weight[write, read]), None, dilation) for write in writes]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    output = reduce(Tensor.add_, map(of_channels, reads))
    return output if bias is None else output.add_(bias[:, None, None])


def derivative_of_features(of_output: Tensor, weight: Tensor, dilation: int = 1) -> Tensor:
    """(B, C, H, W): the convolution of the derivative of the output, (B, channels written, H, W), with the kernels
    turned round.
    """
    return convolve(of_output, weight.flip(2, 3).transpose(0, 1), None, dilation)


def derivative_of_weight(of_output: Tensor, features: Tensor, dilation: int = 1) -> Tensor:
    """(channels written, C, 3, 3), in a quarter of the multiplications, too::

        dg = Gᵀ [ Σ_tiles (Bᵀ x B) ⊙ (A dY Aᵀ) ] G

    Args:
        of_output: (B, channels written, H, W), the derivative of the output.
        features: (B, C, H, W), that were convolved.
        dilation: as it was.
    """
    # channels last, as weights are stored
    of_weight = features.new_empty(of_output.shape[1], 3, 3, features.shape[1]).permute(0, 3, 1, 2)
    for read, write in product(*_parts(of_weight)):
        of_weight[write, read] = _of_kernels(of_output[:, write], features[:, read], dilation)
    return of_weight


def _of_kernels(of_output: Tensor, features: Tensor, dilation: int) -> Tensor:
    """:func:`derivative_of_weight` of some channels."""
    read, written = features.shape[1], of_output.shape[1]
    tiles = Tiles(features.shape, dilation)
    BT, GT, A = INPUT_TRANSFORM.to(features), _G.T.to(features), OUTPUT_TRANSFORM.T.to(features)
    of_transformed = features.new_zeros(INPUTS**2, read, written)
    parts = tiles.parts(max(read, written), features)
    for inputs, outputs in zip(tiles.inputs(features, parts), tiles.outputs(of_output, parts), strict=True):
        V = (BT @ inputs.flatten(1)).unflatten(1, (-1, read))
        of_products = (A @ outputs.flatten(1)).unflatten(1, (-1, written))
        of_transformed.baddbmm_(V.transpose(1, 2), of_products)
    return (GT @ of_transformed.flatten(1)).view(3, 3, read, written).permute(3, 2, 0, 1)


def _parts(weight: Tensor) -> tuple[list[slice], list[slice]]:
    """The channels read, and those written, of kernels that are transformed together: the more of the two in parts."""
    written, read = weight.shape[:2]
    count = math.ceil(INPUTS**2 * written * read * weight.element_size() / KERNELS)
    size = math.ceil(max(written, read) / count)
    parts = [slice(start, start + size) for start in range(0, max(written, read), size)]
    return ([slice(None)], parts) if written >= read else (parts, [slice(None)])
