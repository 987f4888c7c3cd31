"""The rival of the layer benchmark computes the same, and the benchmark measures both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from encnet.benchmark.layer import benchmark_layer, expanded_encoding
from encnet.errors import InputError
from encnet.model.encoding import Encoding


def test_both_forms_are_equal_in_value_and_gradient() -> None:
    torch.manual_seed(0)
    layer = Encoding(7, 5).double()
    features = torch.randn(2, 7, 4, 6, dtype=torch.float64, requires_grad=True)
    inputs = (features, layer.codewords, layer.scale)
    own, expanded = layer(features), expanded_encoding(layer, features)
    torch.testing.assert_close(own, expanded)
    weights = torch.randn_like(own)
    for a, b in zip(
        torch.autograd.grad(own, inputs, weights), torch.autograd.grad(expanded, inputs, weights), strict=True
    ):
        torch.testing.assert_close(a, b)


def test_benchmark_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = benchmark_layer(tmp_path, channels=64, num_codes=32, side=40, repeats=1)
    results = json.loads(path.read_text())["results"]
    for result in results.values():
        assert min(result["seconds"].values()) > 0
        assert result["megabytes"]["expanded form"] > 5  # one (1, 1600, 32, 64) tensor alone has 13 MB
    assert "times faster" in capsys.readouterr().out
    with pytest.raises(InputError, match="repeats is 0"):
        benchmark_layer(tmp_path, repeats=0)
