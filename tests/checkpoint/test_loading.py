"""Loading from files, folders and ids of the hub."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import encnet
from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.system.errors import InputError


def test_loading_downloads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection was opened"))
    create_model("encnet_lite0", 3).save(tmp_path / "m.safetensors")
    encnet.load(tmp_path / "m.safetensors")


def test_files_that_are_no_checkpoint_are_named(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("nothing of the kind")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "folder").mkdir()
    (tmp_path / "demo" / "train").mkdir(parents=True)
    (tmp_path / "demo" / "train" / "best.safetensors").write_bytes(saved.read_bytes())
    (tmp_path / "cut.safetensors").write_bytes(saved.read_bytes()[:5000])
    for name, message in (
        ("missing.safetensors", "there is no checkpoint"),
        ("text.safetensors", "not a readable safetensors file"),
        ("cut.safetensors", "not a readable safetensors file"),
        ("other.safetensors", "not a checkpoint of encnet"),
        ("folder", "there is no checkpoint in the folder .*folder, which has .* give the path"),
        ("demo", r"there is no checkpoint in the folder .*demo, which has .* did you mean .*demo/train\?"),
    ):
        with pytest.raises(InputError, match=message):
            encnet.load(tmp_path / name)


def test_hub_id_without_network_fails_with_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(
        InputError, match="somebody/encnet is neither a file or folder here nor a repository on the hub"
    ):
        encnet.load("somebody/encnet")


def test_folder_of_a_run_is_its_best_model(model: EncNet, saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "best.safetensors").write_bytes(saved.read_bytes())
    (folder / "last.safetensors").write_bytes(b"not read")
    state, expected = encnet.load(folder).state_dict(), encnet.load(saved).state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())
    model.save_pretrained(folder)  # a folder for the hub stays one
    assert encnet.load(folder).info.classes == model.info.classes
