"""Compiled runs: equal to plain runs, or refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import encnet
from encnet.system.errors import InputError
from encnet.training.compiled import check_compilable
from encnet.training.config import TrainConfig
from encnet.training.run import train
from encnet.training.state_files import LAST_STATE


def test_a_missing_compiler_is_reported_in_one_sentence(
    squares: Path, settings: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._inductor import config  # here, since its import takes a second

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    torch.compiler.reset()
    settings.compile = True
    with (
        config.patch({"cpp.cxx": (str(tmp_path / "no-compiler"),)}),
        pytest.raises(InputError, match=r"compile is true, but PyTorch cannot compile for cpu here .* or set compile"),
    ):
        train(squares, settings, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_compiling_recomputed_stages_is_refused(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.compile, settings.model.recompute_stages = True, 2
    with pytest.raises(InputError, match=r"set model\.recompute_stages to 0, or compile to false"):
        train(squares, settings, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # Dynamo's, which it hides
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_a_compiled_run_equals_the_plain_one(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    check_compilable(torch.nn.Identity(), torch.device("cpu"))
    settings.ema = 0.5
    plain = train(squares, settings, tmp_path / "plain", quiet=True)
    torch._dynamo.utils.counters.clear()
    settings.compile = True
    compiled = train(squares, settings, tmp_path / "compiled", quiet=True)
    assert torch._dynamo.utils.counters["stats"]["calls_captured"] > 50
    states = [torch.load(path.parent / LAST_STATE, weights_only=True)["state_dict"] for path in (plain, compiled)]
    assert states[0].keys() == states[1].keys()
    weights, expected = (load_file(path.parent / "last.safetensors") for path in (compiled, plain))
    assert weights.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-3, atol=1e-3)
    assert encnet.load(compiled).info == encnet.load(plain).info
