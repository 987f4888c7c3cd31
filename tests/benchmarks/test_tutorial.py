"""The plain form of the tutorial network computes the same, and the benchmark measures both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.tutorial import CLASSES, benchmark_tutorial, plain_network
from encnet.checkpoint.create import create_model
from encnet.system.errors import InputError


@pytest.mark.parametrize("training", [False, True])
def test_both_forms_are_equal(training: bool) -> None:
    torch.manual_seed(0)
    ours, plain = create_model("encnet_resnet50_fullres", CLASSES), plain_network()
    plain.load_state_dict(ours.state_dict())
    images = torch.randn(1, 3, 64, 80)
    with torch.no_grad():
        a, b = ours.train(training)(images), plain.train(training)(images)
    torch.testing.assert_close(a.logits, b.logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(a.presence, b.presence, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_benchmark_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    oracle = tmp_path / "oracle.py"
    oracle.write_text(
        "import torch\n"
        "class Head(torch.nn.Linear):\n"
        "    def forward(self, stages):\n"
        "        x = stages[-1][:, :33]\n"
        "        return torch.nn.functional.interpolate(x, scale_factor=8.0), super().forward(x.mean((2, 3)))\n"
        "class ENCNet(torch.nn.Module):\n"
        "    def __init__(self, num_classes):\n"
        "        super().__init__()\n"
        "        self.decoder = Head(num_classes, num_classes)\n"
    )
    path = benchmark_tutorial(tmp_path, oracle, 128, 160, repeats=1, measurements=[("head", "training step")])
    results = json.loads(path.read_text())["results"]
    assert path.name == "tutorial.json"
    assert set(results) == {"head, training step"}
    for result in results.values():
        assert set(result["seconds"]) == set(result["megabytes"]) == {"encnet", "plain form", "oracle"}
        assert min(result["seconds"].values()) > 0
        assert result["megabytes"]["plain form"] > 42  # one upsampled (1, 512, 128, 160) alone
        ratio = result["seconds"]["plain form"] / result["seconds"]["encnet"]
        assert result["times_faster"]["plain form"] == pytest.approx(ratio)
    assert "encnet is faster" in capsys.readouterr().out


def test_wrong_arguments_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="repeats is 0"):
        benchmark_tutorial(tmp_path, repeats=0)
    with pytest.raises(InputError, match="height is 8"):
        benchmark_tutorial(tmp_path, height=8)
    with pytest.raises(InputError, match="there is no Python file"):
        benchmark_tutorial(tmp_path, tmp_path / "none.py")
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(InputError, match="defines no ENCNet"):
        benchmark_tutorial(tmp_path, tmp_path / "empty.py")
