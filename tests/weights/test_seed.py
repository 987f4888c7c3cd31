"""The seed's files; logits against the seed's own code where it lies beside the project."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import encnet
from encnet.model.encnet import EncNet
from encnet.weights.convert import convert_file

ORACLE = Path(__file__).parents[3] / "shared/oracles/seed_encnet.py"

NAMES = {
    "backbone.network": "backbone",
    "head.conv_in": "decoder.bottleneck",
    "head.context.semantics.projection": "decoder.enc_module.encoding_project",
    "head.context.semantics.encoding": "decoder.enc_module.encoding.0",
    "head.context.semantics.norm": "decoder.enc_module.encoding.1",
    "head.context.gamma": "decoder.enc_module.fc.0",
    "head.hidden": "decoder.cls_seg.0",
    "head.norm": "decoder.cls_seg.1",
    "head.classifier": "decoder.cls_seg.3",
    "head.presence": "decoder.se_layer",
}


def test_files_come_back_bit_for_bit(
    randomised: Callable[..., EncNet], assert_same: Callable[[EncNet, EncNet], None], tmp_path: Path
) -> None:
    model = randomised("encnet_resnet50_fullres", 33)
    state = {}
    for name, tensor in model.state_dict().items():
        ours = next(prefix for prefix in NAMES if name.startswith(f"{prefix}."))
        state[NAMES[ours] + name.removeprefix(ours)] = tensor
    torch.save(state, tmp_path / "seed.pt")
    convert_file(tmp_path / "seed.pt", tmp_path / "ours.safetensors")
    again = encnet.load(tmp_path / "ours.safetensors")
    assert_same(model, again)
    assert again.info.options == model.info.options
    assert again.presence_loss == "mse"


@pytest.mark.skipif(not ORACLE.is_file(), reason="the seed's code is not beside the project")
def test_logits_and_presence_are_the_seeds(tmp_path: Path) -> None:
    command = [sys.executable, str(ORACLE), str(tmp_path / "seed.pt"), "--height", "40", "--width", "64"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    convert_file(tmp_path / "seed.pt", tmp_path / "ours.safetensors")
    expected = torch.load(tmp_path / "seed.pt", weights_only=True)
    model = encnet.load(tmp_path / "ours.safetensors")
    with torch.inference_mode():
        output = model(expected["images"])
    assert output.presence is not None
    for found, right in ((output.logits, expected["logits"]), (output.presence, expected["presence"])):
        torch.testing.assert_close(found, right, rtol=0, atol=1e-4 * right.abs().max().item())
