"""Tiles read every pixel with its neighbours, and put the map together again."""

from __future__ import annotations

from unittest.mock import patch

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from encnet.kernels import winograd_tiles
from encnet.kernels.winograd_tiles import INPUTS, OUTPUTS, Tiles

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 15), st.integers(1, 15))


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, dilation=st.integers(1, 4), part=st.sampled_from([1, 5000, winograd_tiles.PART]))
def test_outputs_of_all_tiles_are_the_map(shape: tuple[int, ...], dilation: int, part: int) -> None:
    values, tiles = torch.randn(shape), Tiles(shape, dilation)
    with patch.object(winograd_tiles, "PART", part):
        parts = tiles.parts(shape[1], values)
    outputs = torch.cat([*tiles.outputs(values, parts)], dim=1)
    torch.testing.assert_close(tiles.put_together(outputs), values.permute(0, 2, 3, 1), rtol=0, atol=0)


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, dilation=st.integers(1, 4))
def test_inputs_are_the_outputs_with_a_border_of_one_pixel(shape: tuple[int, ...], dilation: int) -> None:
    values, tiles = torch.randn(shape), Tiles(shape, dilation)
    parts = tiles.parts(shape[1], values)
    inputs = torch.cat([*tiles.inputs(values, parts)], dim=1).unflatten(0, (INPUTS, INPUTS))
    outputs = torch.cat([*tiles.outputs(values, parts)], dim=1).unflatten(0, (OUTPUTS, OUTPUTS))
    torch.testing.assert_close(inputs[1:-1, 1:-1], outputs, rtol=0, atol=0)


def test_inputs_without_dilation_are_unfolded_windows() -> None:
    values, tiles = torch.randn(2, 3, 8, 12), Tiles((2, 3, 8, 12), 1)
    (inputs,) = tiles.inputs(values, tiles.parts(3, values))
    windows = F.unfold(values, INPUTS, padding=1, stride=OUTPUTS).unflatten(1, (3, -1))  # (B, C, 36, tiles)
    torch.testing.assert_close(inputs, windows.permute(2, 0, 3, 1).flatten(1, 2), rtol=0, atol=0)
