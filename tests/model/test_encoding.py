"""The Encoding layer against its equations and its expanded form, and its symmetries."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from tutorial_form import ExpandedEncoding

from encnet.model.encoding import Encoding
from encnet.system.errors import InputError


def encode_by_loops(features: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
    """Returns the paper's sums, computed for one pixel and one codeword at a time, in float64."""
    batch, channels = features.shape[:2]
    X = features.double().reshape(batch, channels, -1)
    D, s = codewords.double(), -scale.double()
    E = torch.zeros(batch, len(D), channels, dtype=torch.float64)
    for b in range(batch):
        for i in range(X.shape[2]):
            x = X[b, :, i]
            weights = [torch.exp(-s[k] * ((x - D[k]) ** 2).sum()) for k in range(len(D))]
            for k in range(len(D)):
                E[b, k] += weights[k] / sum(weights) * (x - D[k])
    return E


@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 6),
    num_codes=st.integers(1, 5),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    seed=st.integers(0, 2**16),
)
def test_layer_equals_the_sums_of_the_paper(
    batch: int, channels: int, num_codes: int, height: int, width: int, seed: int
) -> None:
    torch.manual_seed(seed)
    layer = Encoding(channels, num_codes).double()
    features = torch.randn(batch, channels, height, width, dtype=torch.float64)
    expected = encode_by_loops(features, layer.codewords.detach(), layer.scale.detach())
    torch.testing.assert_close(layer(features), expected, rtol=1e-10, atol=1e-10)


def test_gradients_equal_finite_differences() -> None:
    torch.manual_seed(0)
    layer = Encoding(3, 4).double()
    features = torch.randn(2, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    codewords, scale = layer.codewords, layer.scale

    def encode(features: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
        parameters = {"codewords": codewords, "scale": scale}
        return torch.func.functional_call(layer, parameters, (features,))

    assert torch.autograd.gradcheck(encode, (features, codewords, scale))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_layer_and_gradients_equal_the_expanded_form(dtype: torch.dtype, tolerance: float) -> None:
    torch.manual_seed(0)
    layer, expanded = Encoding(64, 32).to(dtype), ExpandedEncoding(64, 32).to(dtype)
    layer.scale.data /= 16  # squared distances are about 64: every pixel is shared among codewords
    expanded.load_state_dict(layer.state_dict())
    features = torch.randn(2, 64, 9, 11, dtype=dtype, requires_grad=True)
    output, expected = layer(features), expanded(features)
    torch.testing.assert_close(output, expected, rtol=tolerance, atol=tolerance)
    weights = torch.randn_like(expected)
    gradients = torch.autograd.grad(output, [features, layer.codewords, layer.scale], weights)
    expected_gradients = torch.autograd.grad(expected, [features, expanded.codewords, expanded.scale], weights)
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        largest = float(expected_gradient.abs().max())
        torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=tolerance * largest)


def test_permuted_codewords_permute_the_encoding() -> None:
    torch.manual_seed(0)
    layer, permuted = Encoding(5, 7), Encoding(5, 7)
    order = torch.randperm(7)
    permuted.codewords.data = layer.codewords.data[order]
    permuted.scale.data = layer.scale.data[order]
    features = torch.randn(2, 5, 3, 4)
    torch.testing.assert_close(permuted(features), layer(features)[:, order])


def test_permuted_pixels_leave_the_encoding_unchanged() -> None:
    torch.manual_seed(0)
    layer = Encoding(5, 7).double()
    features = torch.randn(1, 5, 6, 4, dtype=torch.float64)
    shuffled = features.flatten(2)[:, :, torch.randperm(24)].view(1, 5, 6, 4)
    torch.testing.assert_close(layer(shuffled), layer(features))
    torch.testing.assert_close(layer(features.roll((2, 1), (2, 3))), layer(features))


def test_encodings_of_tiles_add_up() -> None:
    torch.manual_seed(0)
    layer = Encoding(5, 7).double()
    features = torch.randn(1, 5, 6, 8, dtype=torch.float64)
    left, right = features[..., :3], features[..., 3:]
    torch.testing.assert_close(layer(left) + layer(right), layer(features))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_keeps_the_assignment_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = Encoding(64, 8)
    features = torch.randn(1, 64, 20, 20).to(dtype)
    with torch.autocast("cpu", dtype=dtype):
        encoded = layer(features)
    assert encoded.dtype == torch.float32
    torch.testing.assert_close(encoded, layer(features.float()), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("channels", "num_codes", "argument"), [(0, 4, "channels"), (4, 0, "num_codes")])
def test_sizes_that_are_not_positive_are_refused(channels: int, num_codes: int, argument: str) -> None:
    with pytest.raises(InputError, match=f"{argument} is 0; it must be at least 1") as error:
        Encoding(channels, num_codes)
    assert error.value.argument == argument


@pytest.mark.parametrize("shape", [(1, 5, 2, 2), (4, 2, 2)])
def test_features_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"features have the shape .*; expected \(B, 4, H, W\)") as error:
        Encoding(4, 2)(torch.zeros(shape))
    assert error.value.argument == "features"


@settings(max_examples=25, deadline=None)
@given(parts=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 2**16))
def test_sums_of_parts_add_up_to_the_whole(parts: list[int], seed: int) -> None:
    torch.manual_seed(seed)
    layer = Encoding(4, 3).double()
    features = torch.randn(2, 4, 3, sum(parts), dtype=torch.float64)
    pieces = [layer.sums(piece) for piece in features.split(parts, dim=3)]
    total = pieces[0]
    for piece in pieces[1:]:
        total = total + piece
    assert total.pixels == 3 * sum(parts)
    torch.testing.assert_close(total.mass.sum(dim=1), torch.full((2,), float(total.pixels), dtype=torch.float64))
    torch.testing.assert_close(layer.residuals(total), encode_by_loops(features, layer.codewords, layer.scale))


def test_averaged_sums_average_the_encodings() -> None:
    torch.manual_seed(0)
    layer = Encoding(4, 3).double()
    one, other = torch.randn(2, 1, 4, 3, 5, dtype=torch.float64)
    averaged = 0.75 * layer.sums(one) + layer.sums(other) * 0.25
    expected = 0.75 * layer(one) + 0.25 * layer(other)  # E is linear in the sums
    torch.testing.assert_close(layer.residuals(averaged), expected)
    assert averaged.pixels == 15
