"""The rival of the layer benchmark computes the same, and the benchmark measures both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from encnet.benchmark.layer import LAYOUTS, benchmark_layer, expanded_encoding, prepare
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


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("step", "products"), [("forward", 2), ("forward and backward", 6)])
def test_products_alone_are_two_and_four(layout: str, step: str, products: int) -> None:
    run = prepare("matrix products", (2, 64, 9, 11), 8, step, layout)
    with FlopCounterMode(display=False) as counter:
        run()
    assert counter.get_total_flops() == products * 2 * (2 * 9 * 11) * 64 * 8


def test_benchmark_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = benchmark_layer(tmp_path, channels=64, num_codes=32, side=40, repeats=1, layout="contiguous")
    report = json.loads(path.read_text())
    assert report["layout"] == "contiguous"
    for result in report["results"].values():
        seconds = result["seconds"]
        assert set(seconds) == {"Encoding", "expanded form", "matrix products"}
        assert min(seconds.values()) > 0
        assert result["times_of_products"] == seconds["Encoding"] / seconds["matrix products"]
        assert result["megabytes"]["expanded form"] > 5  # one (1, 1600, 32, 64) tensor alone has 13 MB
    assert "times faster" in capsys.readouterr().out


def test_what_cannot_be_measured_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="repeats is 0"):
        benchmark_layer(tmp_path, repeats=0)
    with pytest.raises(InputError, match="no layout 'rows'"):
        benchmark_layer(tmp_path, layout="rows")
