"""The expanded form computes the same as the layer, and the benchmark measures both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.layer import LAYOUTS, benchmark_layer, expanded_encoding, prepare
from encnet.model.encoding import Encoding
from encnet.system.errors import InputError


def test_both_forms_are_equal_in_value_and_gradient() -> None:
    torch.manual_seed(0)
    layer = Encoding(7, 5).double()
    features = torch.randn(2, 7, 4, 6, dtype=torch.float64, requires_grad=True)
    inputs = (features, layer.codewords, layer.scale)
    compact, expanded = layer(features), expanded_encoding(layer, features)
    torch.testing.assert_close(compact, expanded)
    weights = torch.randn_like(compact)
    for a, b in zip(
        torch.autograd.grad(compact, inputs, weights), torch.autograd.grad(expanded, inputs, weights), strict=True
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("step", "products"), [("forward", 2), ("forward and backward", 6)])
def test_matrix_products_are_two_forward_and_four_backward(layout: str, step: str, products: int) -> None:
    run = prepare("matrix products", (2, 64, 9, 11), 8, step, layout)
    with FlopCounterMode(display=False) as counter:
        run()
    assert counter.get_total_flops() == products * 2 * (2 * 9 * 11) * 64 * 8


@pytest.mark.slow
def test_benchmark_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = benchmark_layer(tmp_path, channels=64, num_codes=32, side=40, repeats=1)
    report = json.loads(path.read_text())
    assert set(report["results"]) == set(LAYOUTS)
    for layout, passes in report["results"].items():
        for name, result in passes.items():
            seconds = result["seconds"]
            assert set(seconds) == {"Encoding", "expanded form", "matrix products"}
            assert min(seconds.values()) > 0
            assert result["times_of_products"] == seconds["Encoding"] / seconds["matrix products"]
            assert result["times_faster"][layout] == seconds["expanded form"] / seconds["Encoding"]
            for other in LAYOUTS:
                rival = report["results"][other][name]["seconds"]["expanded form"]
                assert result["times_faster"][other] == rival / seconds["Encoding"]
            assert result["megabytes"]["expanded form"] > 5  # one (1, 1600, 32, 64) tensor alone has 13 MB
    output = capsys.readouterr().out
    assert output.count("times faster") == 8
    assert output.count("expanded form, contiguous") == 2


@pytest.mark.slow
def test_one_layout_is_measured_alone(tmp_path: Path) -> None:
    path = benchmark_layer(tmp_path, channels=8, num_codes=4, side=8, repeats=1, layouts=["contiguous"])
    results = json.loads(path.read_text())["results"]
    assert list(results) == ["contiguous"]
    assert list(results["contiguous"]["forward"]["times_faster"]) == ["contiguous"]


def test_wrong_arguments_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="repeats is 0"):
        benchmark_layer(tmp_path, repeats=0)
    with pytest.raises(InputError, match="no layout 'rows'"):
        benchmark_layer(tmp_path, layouts=["rows"])
    with pytest.raises(InputError, match="layouts is empty"):
        benchmark_layer(tmp_path, layouts=[])
    assert not list(tmp_path.iterdir())
