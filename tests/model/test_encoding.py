"""The Encoding layer against its equations, the seed's expanded form, and its symmetries."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from encnet.errors import InputError
from encnet.model.encoding import Encoding

ORACLE = Path(os.environ.get("ENCNET_SHARED", Path(__file__).parents[3] / "shared")) / "oracles/seed_encnet.py"


def encode_by_loops(features: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
    """The paper's sums, one pixel and one codeword at a time, in float64."""
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
def test_equals_the_sums_of_the_paper(
    batch: int, channels: int, num_codes: int, height: int, width: int, seed: int
) -> None:
    torch.manual_seed(seed)
    layer = Encoding(channels, num_codes).double()
    features = torch.randn(batch, channels, height, width, dtype=torch.float64)
    expected = encode_by_loops(features, layer.codewords.detach(), layer.scale.detach())
    torch.testing.assert_close(layer(features), expected, rtol=1e-10, atol=1e-10)


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    layer = Encoding(3, 4).double()
    features = torch.randn(2, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    codewords, scale = layer.codewords, layer.scale

    def encode(features: Tensor, codewords: Tensor, scale: Tensor) -> Tensor:
        parameters = {"codewords": codewords, "scale": scale}
        return torch.func.functional_call(layer, parameters, (features,))

    assert torch.autograd.gradcheck(encode, (features, codewords, scale))


def test_equals_the_expanded_form_of_the_seed() -> None:
    if not ORACLE.is_file():
        pytest.skip(f"the seed oracle {ORACLE} is not here")
    spec = importlib.util.spec_from_file_location("seed_encnet", ORACLE)
    assert spec is not None and spec.loader is not None
    seed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(seed)
    torch.manual_seed(0)
    layer, oracle = Encoding(64, 32), seed.Encoding(64, 32)
    oracle.load_state_dict(layer.state_dict())
    features = torch.randn(2, 64, 9, 11)
    torch.testing.assert_close(layer(features), oracle(features), rtol=1e-4, atol=1e-4)


def test_permuted_codewords_permute_the_encoding() -> None:
    torch.manual_seed(0)
    layer, permuted = Encoding(5, 7), Encoding(5, 7)
    order = torch.randperm(7)
    permuted.codewords.data = layer.codewords.data[order]
    permuted.scale.data = layer.scale.data[order]
    features = torch.randn(2, 5, 3, 4)
    torch.testing.assert_close(permuted(features), layer(features)[:, order])


def test_does_not_depend_on_where_pixels_are() -> None:
    torch.manual_seed(0)
    layer = Encoding(5, 7).double()
    features = torch.randn(1, 5, 6, 4, dtype=torch.float64)
    shuffled = features.flatten(2)[:, :, torch.randperm(24)].view(1, 5, 6, 4)
    torch.testing.assert_close(layer(shuffled), layer(features))
    torch.testing.assert_close(layer(features.roll((2, 1), (2, 3))), layer(features))


def test_is_additive_over_tiles() -> None:
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


@pytest.mark.parametrize(
    "build",
    [
        lambda: Encoding(0, 4),
        lambda: Encoding(4, 0),
        lambda: Encoding(4, 2)(torch.zeros(1, 5, 2, 2)),
        lambda: Encoding(4, 2)(torch.zeros(4, 2, 2)),
    ],
)
def test_wrong_sizes_are_named(build) -> None:
    with pytest.raises(InputError, match=r"Encoding: .*(at least 1|expected)"):
        build()


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
    torch.testing.assert_close(layer.of_sums(total), encode_by_loops(features, layer.codewords, layer.scale))


def test_averaged_sums_are_between_those_of_two_images() -> None:
    torch.manual_seed(0)
    layer = Encoding(4, 3).double()
    one, other = torch.randn(2, 1, 4, 3, 5, dtype=torch.float64)
    averaged = 0.75 * layer.sums(one) + layer.sums(other) * 0.25
    expected = 0.75 * layer(one) + 0.25 * layer(other)  # E is linear in the sums
    torch.testing.assert_close(layer.of_sums(averaged), expected)
    assert averaged.pixels == 15
