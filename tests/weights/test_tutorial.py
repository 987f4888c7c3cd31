"""Files of the tutorial form: every tensor finds its place, and the outputs are those of the form itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tutorial_form import TutorialForm, our_name, tutorial_form

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.weights.convert import convert_file


def test_files_come_back_bit_for_bit(
    randomised: Callable[..., EncNet], assert_same: Callable[[EncNet, EncNet], None], tmp_path: Path
) -> None:
    model = randomised("encnet_resnet50_fullres", 33)
    with torch.device("meta"):
        names = TutorialForm(33).state_dict()
    ours = model.state_dict()
    assert ours.keys() == {our_name(name) for name in names}
    torch.save({name: ours[our_name(name)] for name in names}, tmp_path / "tutorial.pt")
    convert_file(tmp_path / "tutorial.pt", tmp_path / "ours.safetensors")
    again = encnet.load(tmp_path / "ours.safetensors")
    assert_same(model, again)
    assert again.info.options == model.info.options
    assert again.presence_loss == "mse"


@pytest.mark.parametrize("classifier", [False, True], ids=["features", "whole_resnet"])
def test_logits_and_presence_are_those_of_the_tutorial_form(classifier: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = tutorial_form(33)
    state = network.state_dict()
    if classifier:  # of ImageNet, which some files keep though the network does not use it
        state |= {"backbone.fc.weight": torch.zeros(1000, 2048), "backbone.fc.bias": torch.zeros(1000)}
    torch.save({"state_dict": state}, tmp_path / "tutorial.pt")
    convert_file(tmp_path / "tutorial.pt", tmp_path / "ours.safetensors")
    model = encnet.load(tmp_path / "ours.safetensors")
    images = torch.randn(1, 3, 40, 64)
    with torch.inference_mode():
        logits, presence = network(images)
        output = model(images)
    assert output.presence is not None
    for found, expected in ((output.logits, logits), (output.presence, presence)):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5 * expected.abs().max().item())
