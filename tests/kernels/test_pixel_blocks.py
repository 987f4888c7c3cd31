"""Blocks of pixels cover the labels, and interpolate as F.interpolate does."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from encnet.kernels import pixel_blocks
from encnet.kernels.pixel_blocks import blocks, precision


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 7), st.integers(1, 7)),
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    bounds=st.tuples(st.sampled_from([1, 40, 1000]), st.sampled_from([1, 5, 32]), st.sampled_from([1, 7, 64])),
    align_corners=st.booleans(),
)
def test_blocks_cover_every_pixel_once_with_interpolated_logits(
    shape: tuple[int, int, int, int], size: tuple[int, int], bounds: tuple[int, int, int], align_corners: bool
) -> None:
    torch.manual_seed(0)
    logits = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    labels = torch.zeros(shape[0], *size, dtype=torch.int64)
    expected = F.interpolate(logits, size=size, mode="bilinear", align_corners=align_corners)
    grad_output = torch.randn_like(expected)
    upsampled, grad_logits = torch.zeros_like(expected), torch.zeros_like(logits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixel_blocks, "CPU_BLOCK", bounds)
        for block in blocks(logits, labels, align_corners):
            block.pixels(labels).add_(1)
            place = (block.images, slice(None), block.rows.pixels, block.columns.pixels)
            upsampled[place] = block.upsampled(logits.detach()).permute(1, 2, 0, 3)
            block.add_derivative(grad_logits, grad_output[place].permute(2, 0, 1, 3))
    assert bool((labels == 1).all())
    torch.testing.assert_close(upsampled, expected.detach())
    torch.testing.assert_close(grad_logits, torch.autograd.grad(expected, logits, grad_output)[0])


def test_blocks_are_within_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_blocks, "CPU_BLOCK", (2**10, 8, 16))
    for block in blocks(torch.randn(3, 5, 9, 9), torch.zeros(3, 72, 72, dtype=torch.int64), False):
        scores = block.upsampled(torch.randn(3, 5, 9, 9))
        assert scores.numel() <= 2**10
        assert scores.shape[0] <= 8 and scores.shape[3] <= 16


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_compute_dtype_is_at_least_float32(dtype: torch.dtype, expected: torch.dtype) -> None:
    assert precision(torch.zeros(1, dtype=dtype)) == expected
