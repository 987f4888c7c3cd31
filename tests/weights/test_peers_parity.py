"""Converted networks against logits that PyTorch-Encoding, FastFCN and PaddleSeg computed.

The fixtures hold the peers' outputs, and the names and shapes of their tensors, from which a formula gives values and
images (tests/fixtures/formula.py). tests/fixtures/*/README.md describe how the peers were run.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import formula
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

import encnet
from encnet.weights.convert import convert_file
from encnet.weights.pdparams import read_pdparams

FIXTURES = Path(__file__).parents[1] / "fixtures"
CASES = [
    ("pytorch_encoding", "resnet50s"),
    ("pytorch_encoding", "resnet101s_lateral"),
    ("fastfcn", "resnet50_jpu"),
    ("fastfcn", "resnet50_dilated_lateral"),
    ("paddleseg", "resnet50_vd"),
    ("paddleseg", "resnet101_vd_lateral"),
]


def value(name: str, shape: list[int]) -> Tensor:
    """The tensor of the formula, which also handles Paddle's names of variances and of blocks' last batch norms."""
    name = name.replace("_variance", "running_var").replace("conv2._batch_norm.weight", "bn3.weight")
    return formula.tensor(name, tuple(shape))


def written(folder: Path, peer: str, shapes: dict[str, list[int]]) -> Path:
    """The checkpoint as the peer would write it."""
    state = {name: value(name, shape) for name, shape in shapes.items()}
    if peer == "paddleseg":
        path = folder / "model.pdparams"
        path.write_bytes(pickle.dumps({name: tensor.numpy() for name, tensor in state.items()}, 4))
    else:
        path = folder / "checkpoint.pth.tar"
        torch.save({"epoch": 1, "state_dict": state}, path)
    return path


def test_every_fixture_is_compared() -> None:
    stored = []
    for peer in ("pytorch_encoding", "fastfcn", "paddleseg"):
        with safe_open(FIXTURES / peer / "logits.safetensors", "pt") as file:
            stored += [(peer, case) for case in json.loads(file.metadata()["settings"])["shapes"]]
    assert stored == CASES


@pytest.mark.parametrize(
    ("peer", "case"),
    [case if "50" in case[1] else pytest.param(*case, marks=pytest.mark.slow) for case in CASES],
)
def test_outputs_equal_those_of_the_peer(tmp_path: Path, peer: str, case: str) -> None:
    with safe_open(FIXTURES / peer / "logits.safetensors", "pt") as file:
        settings = json.loads(file.metadata()["settings"])
        expected = {part: file.get_tensor(f"{case}.{part}") for part in ("logits", "presence", "aux_logits")}
    converted = convert_file(written(tmp_path, peer, settings["shapes"][case]), tmp_path / "out.safetensors")
    images = formula.images(settings["height"], settings["width"])
    with torch.inference_mode():
        output = encnet.load(converted.out)(images, auxiliary=True)
    step = settings["step"]
    assert output.aux_logits is not None
    assert output.presence is not None
    outputs = {
        "logits": output.logits[..., ::step, ::step],
        "presence": output.presence,
        "aux_logits": output.aux_logits[..., ::step, ::step],
    }
    for part, tensor in expected.items():
        error = (outputs[part] - tensor).abs().max() / tensor.abs().max()
        assert error < 1e-4, (part, error)


@pytest.mark.parametrize("file", ["layer_protocol2", "layer_protocol4", "layer_pairs"])
def test_files_written_by_paddle_are_read(file: str) -> None:
    folder = FIXTURES / "paddleseg"
    tensors = read_pdparams(folder / f"{file}.pdparams")
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == {
        "0.weight": (2, 3),
        "0.bias": (3,),
        "1.weight": (3,),
        "1.bias": (3,),
        "1._mean": (3,),
        "1._variance": (3,),
    }
    for name, tensor in tensors.items():
        torch.testing.assert_close(tensor, value(name, list(tensor.shape)), rtol=0, atol=0)
