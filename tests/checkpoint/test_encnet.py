"""Models saved and loaded again, as files and as folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.system.errors import InputError


def test_saved_model_is_loaded_with_all_its_settings(saved: Path) -> None:
    model = encnet.load(saved)
    assert not model.training
    assert model.presence_loss == "mse"
    assert model.info.mean == [0.1, 0.2, 0.3]
    assert model.info.classes == ["a", "b", "c"]
    assert model.info.long_side == 640
    assert model.info.training["validation"]["mean_iou"] == 0.5
    again = saved.with_name("again.safetensors")
    model.save(again)
    assert encnet.load(again).info == model.info
    first, second = load_file(saved), load_file(again)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_context_pixels_and_prior_are_part_of_the_checkpoint(model: EncNet, tmp_path: Path) -> None:
    model.info.presence_prior, model.info.context_pixels = 0.25, 77
    model.save(tmp_path / "model.safetensors")
    loaded = EncNet.from_file(tmp_path / "model.safetensors")
    assert (loaded.info.presence_prior, loaded.info.context_pixels) == (0.25, 77)
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(loaded(images).logits, model(images).logits)


def test_options_that_do_not_fit_are_refused_with_one_sentence(saved: Path) -> None:
    with safe_open(saved, "pt") as file:
        metadata = file.metadata()
    info = json.loads(metadata["info"])
    for changes, message in (
        ({"sparkle": 1}, "update encnet"),
        ({"num_classes": 4}, "does not fit the encnet_tiny that it names"),
        ({"backbone_options": {"checkpoint_path": "other.pth"}}, "backbone_options has 'checkpoint_path'"),
    ):
        changed = {**info, "options": {**info["options"], **changes}}
        save_file(load_file(saved), saved.with_name("changed.safetensors"), {**metadata, "info": json.dumps(changed)})
        with pytest.raises(InputError, match=message) as error:
            EncNet.from_file(saved.with_name("changed.safetensors"))
        assert "\n" not in str(error.value)


def test_folder_is_loaded_as_the_saved_model(model: EncNet, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "garden")
    names = [path.name for path in (tmp_path / "garden").iterdir()]
    assert sorted(names) == ["README.md", "config.json", "model.safetensors"]
    assert json.loads((tmp_path / "garden/config.json").read_text())["classes"] == model.info.classes
    tensors = model.state_dict()
    for again in (EncNet.from_pretrained(tmp_path / "garden"), encnet.load(str(tmp_path / "garden"))):
        assert again.state_dict().keys() == tensors.keys()
        assert all(torch.equal(tensor, tensors[key]) for key, tensor in again.state_dict().items())
        assert again.info == model.info
        assert not again.training


def test_folders_that_cannot_be_read_or_written_are_named(model: EncNet, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"folder .*empty, which has neither model\.safetensors nor best\.safetensors"):
        EncNet.from_pretrained(tmp_path / "empty")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        model.save_pretrained(tmp_path / "file")
