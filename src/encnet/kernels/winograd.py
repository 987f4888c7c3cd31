"""Winograd's method: 3x3 convolutions with a quarter of the multiplications."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from itertools import product

import torch
from torch import Tensor

from encnet.kernels.winograd_tiles import INPUTS, Tiles

WORTH = 128 * 256
"""Smallest product of input and output channels for which the method is faster: with 128 each, moving the tiles costs
as much as the arithmetic saves."""
KERNELS = 40 << 20
"""Upper bound, in bytes, on the transformed kernels in memory in :func:`convolve` and the gradients: 512 x 512 channels
in float32. Transformed kernels have four times as many numbers as the kernels."""


def _both_sides(*rows: tuple[float, ...]) -> Tensor:
    """Returns M ⊗ M for the matrix M of these rows: M x Mᵀ is then one product of it with the flattened x."""
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
"""Bᵀ ⊗ Bᵀ, (36, 36): turns the inputs of a tile into the factors of the products."""
_G = _both_sides(
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
OUTPUT_TRANSFORM = _both_sides((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
"""Aᵀ ⊗ Aᵀ, (16, 36): turns the products into the outputs of a tile."""


def suits(weight: Sequence[int]) -> bool:
    """Returns True for the shape of a weight (out_channels, in_channels, 3, 3) for which :func:`winograd` is faster."""
    out_channels, in_channels, *kernel = weight
    return kernel == [3, 3] and in_channels * out_channels >= WORTH


def winograd(features: Tensor, transformed: Tensor, bias: Tensor | None, dilation: int = 1) -> Tensor:
    """A 3x3 convolution with padding d and dilation d, by Winograd's minimal filtering F(4x4, 3x3)::

        Y = Aᵀ [ Σ_c (G g_c Gᵀ) ⊙ (Bᵀ x_c B) ] A

    x is a tile of 6x6 inputs (the next tile starts 4 inputs further on), g the kernel, and Y the tile's 4x4 outputs.
    The sum over channels c is one matrix product for each of the 36 places: 36 multiplications for 16 outputs, where
    the plain form has 144. With dilation, each of the d x d sub-grids of the image is convolved separately. In float32
    the result differs from the plain form's by some 10⁻⁵ of its spread, because its summands are larger than the sum.

    Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016, section 4.

    Args:
        features: (B, C, H, W), on the CPU, preferably channels last.
        transformed: (36, C, out_channels), from :func:`transform`.
        bias: (out_channels,), or None.
        dilation: d.

    Returns:
        (B, out_channels, H, W), channels last.
    """
    in_channels, out_channels = transformed.shape[1:]
    tiles = Tiles(features.shape, dilation)
    BT, AT = INPUT_TRANSFORM.to(features), OUTPUT_TRANSFORM.to(features)
    outputs = []
    for inputs in tiles.inputs(features, tiles.parts(max(in_channels, out_channels), features)):
        V = (BT @ inputs.flatten(1)).unflatten(1, (-1, in_channels))
        outputs.append((AT @ (V @ transformed).flatten(1)).unflatten(1, (-1, out_channels)))
    output = tiles.put_together(outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=1))
    return (output if bias is None else output + bias).permute(0, 3, 1, 2)


def transform(weight: Tensor) -> Tensor:
    """Transforms kernels for :func:`winograd`, G g Gᵀ: (out_channels, C, 3, 3) -> (36, C, out_channels)."""
    return (_G.to(weight) @ weight.permute(2, 3, 1, 0).flatten(0, 1).flatten(1)).unflatten(1, (weight.shape[1], -1))


def inverse_transform(transformed: Tensor) -> Tensor:
    """The inverse of :func:`transform`: (36, C, out_channels) -> (out_channels, C, 3, 3).

    G ⊗ G has more rows than columns, so the least-squares solution is the kernel itself, up to rounding.
    """
    kernels = torch.linalg.pinv(_G).to(transformed) @ transformed.flatten(1)
    return kernels.view(3, 3, *transformed.shape[1:]).permute(3, 2, 0, 1).contiguous()


def convolve(features: Tensor, weight: Tensor, bias: Tensor | None, dilation: int = 1) -> Tensor:
    """:func:`winograd` with kernels that are transformed for this call only, a part at a time.

    Args:
        features: (B, C, H, W), on the CPU, preferably channels last.
        weight: (out_channels, C, 3, 3).
        bias: (out_channels,), or None.
        dilation: dilation and padding.

    Returns:
        (B, out_channels, H, W), channels last.
    """
    input_parts, output_parts = _channel_parts(weight)

    def partial_sum(inputs: slice) -> Tensor:
        kernels = [weight[outputs, inputs] for outputs in output_parts]
        parts = [winograd(features[:, inputs], transform(kernel), None, dilation) for kernel in kernels]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    output = reduce(Tensor.add_, map(partial_sum, input_parts))
    return output if bias is None else output.add_(bias[:, None, None])


def grad_features(grad_output: Tensor, weight: Tensor, dilation: int = 1) -> Tensor:
    """Returns the gradient of the features, (B, C, H, W): ``grad_output``, (B, out_channels, H, W), convolved with the
    rotated kernels.
    """
    return convolve(grad_output, weight.flip(2, 3).transpose(0, 1), None, dilation)


def grad_weight(grad_output: Tensor, features: Tensor, dilation: int = 1) -> Tensor:
    """Returns the gradient of the weight, (out_channels, C, 3, 3), with a quarter of the multiplications too::

        dg = Gᵀ [ Σ_tiles (Bᵀ x B) ⊙ (A dY Aᵀ) ] G

    Args:
        grad_output: (B, out_channels, H, W), gradient of the output.
        features: (B, C, H, W), input of the convolution.
        dilation: dilation and padding of the convolution.
    """
    # channels last, like the weights
    grad = features.new_empty(grad_output.shape[1], 3, 3, features.shape[1]).permute(0, 3, 1, 2)
    for inputs, outputs in product(*_channel_parts(grad)):
        grad[outputs, inputs] = _grad_kernels(grad_output[:, outputs], features[:, inputs], dilation)
    return grad


def _grad_kernels(grad_output: Tensor, features: Tensor, dilation: int) -> Tensor:
    """:func:`grad_weight` for a part of the channels."""
    in_channels, out_channels = features.shape[1], grad_output.shape[1]
    tiles = Tiles(features.shape, dilation)
    BT, GT, A = INPUT_TRANSFORM.to(features), _G.T.to(features), OUTPUT_TRANSFORM.T.to(features)
    grad_transformed = features.new_zeros(INPUTS**2, in_channels, out_channels)
    parts = tiles.parts(max(in_channels, out_channels), features)
    for inputs, outputs in zip(tiles.inputs(features, parts), tiles.outputs(grad_output, parts), strict=True):
        V = (BT @ inputs.flatten(1)).unflatten(1, (-1, in_channels))
        grad_products = (A @ outputs.flatten(1)).unflatten(1, (-1, out_channels))
        grad_transformed.baddbmm_(V.transpose(1, 2), grad_products)
    return (GT @ grad_transformed.flatten(1)).view(3, 3, in_channels, out_channels).permute(3, 2, 0, 1)


def _channel_parts(weight: Tensor) -> tuple[list[slice], list[slice]]:
    """Returns parts of the input channels and of the output channels.

    The larger of the two is split so that the transformed kernels of one part fit in ``KERNELS`` bytes.
    """
    out_channels, in_channels = weight.shape[:2]
    count = math.ceil(INPUTS**2 * out_channels * in_channels * weight.element_size() / KERNELS)
    larger = max(out_channels, in_channels)
    size = math.ceil(larger / count)
    parts = [slice(start, start + size) for start in range(0, larger, size)]
    return ([slice(None)], parts) if out_channels >= in_channels else (parts, [slice(None)])
