"""Checkpoints: complete in themselves, and clear about what is wrong with another file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import encnet
from encnet.checkpoint.create import create_model
from encnet.system.errors import InputError


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = create_model("encnet_tiny", 3, stage3_se=True, lateral=True, presence_loss="mse", mean=(0.1, 0.2, 0.3))
    model.info.classes = ["a", "b", "c"]
    model.info.palette = [[0, 0, 0], [1, 2, 3], [255, 0, 0]]
    model.info.long_side = 640
    model.info.training = {"dataset": "x", "validation": {"mean_iou": 0.5}}
    model.save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def rewritten(path: Path, **changes: str) -> Path:
    """The file with other metadata."""
    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata())
    save_file(load_file(path), path, metadata | changes)
    return path


def test_everything_comes_back(saved: Path) -> None:
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


def test_loading_downloads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection was opened"))
    torch.manual_seed(0)
    create_model("encnet_lite0", 3).save(tmp_path / "m.safetensors")
    encnet.load(tmp_path / "m.safetensors")


def test_wrong_files_are_named(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("nothing of the kind")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "folder").mkdir()
    (tmp_path / "cut.safetensors").write_bytes(saved.read_bytes()[:5000])
    for name, message in (
        ("missing.safetensors", "there is no checkpoint"),
        ("text.safetensors", "not a readable safetensors file"),
        ("cut.safetensors", "not a readable safetensors file"),
        ("other.safetensors", "not a checkpoint of encnet"),
        ("folder", "there is no checkpoint .*folder/model.safetensors"),
    ):
        with pytest.raises(InputError, match=message):
            encnet.load(tmp_path / name)


def test_wrong_metadata_is_named(saved: Path) -> None:
    with safe_open(saved, "pt") as file:
        info = json.loads(file.metadata()["info"])
    for changes, message in (
        ({"version": "2"}, "checkpoint version 2"),
        ({"info": "{"}, "damaged metadata"),
        ({"info": json.dumps({**info, "options": {**info["options"], "sparkle": 1}})}, "update encnet"),
        ({"info": json.dumps({**info, "options": {**info["options"], "num_classes": 4}})}, "does not fit"),
    ):
        with pytest.raises(InputError, match=message) as error:
            encnet.load(rewritten(saved, **{"version": "1", **changes}))
        assert "\n" not in str(error.value)


def test_an_id_of_the_hub_without_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(
        InputError, match="somebody/encnet is neither a file or folder here nor a repository on the hub"
    ):
        encnet.load("somebody/encnet")
