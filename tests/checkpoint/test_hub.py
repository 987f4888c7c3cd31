"""The hub: the real client pushes to and downloads from a small hub in this process."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hub_server import HubServer

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.system.errors import InputError


@pytest.fixture
def hub() -> Iterator[HubServer]:
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


PUSH_AND_LOAD = """
import sys
import encnet
from encnet.checkpoint.encnet import EncNet

model = encnet.load(sys.argv[1])
print(model.push_to_hub("somebody/garden", license="mit", private=True, commit_message="Better"))
EncNet.from_pretrained("somebody/garden", cache_dir=sys.argv[2]).save(sys.argv[3])
for push in (lambda: model.push_to_hub("somebody/garden", token="wrong"), lambda: model.push_to_hub("no/such/name")):
    try:
        push()
    except encnet.InputError as error:
        print(error)
try:
    encnet.load("somebody/nothing")
except encnet.InputError as error:
    print(error)
"""


def test_pushed_model_is_loaded_from_the_hub(model: EncNet, hub: HubServer, tmp_path: Path) -> None:
    """In a process of its own, because the client reads the hub's address when it is imported."""
    model.save(tmp_path / "model.safetensors")
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": "t0ken",
        "HF_HUB_DISABLE_XET": "1",  # the small server has only one protocol for large files
        "HF_HUB_OFFLINE": "0",
        "OMP_NUM_THREADS": "1",
    }
    paths = [str(tmp_path / name) for name in ("model.safetensors", "cache", "again.safetensors")]
    command = [sys.executable, "-c", PUSH_AND_LOAD, *paths]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, (run.stderr, hub.requests)

    url, refused, misnamed, missing = run.stdout.splitlines()
    assert url == f"{hub.address}/somebody/garden/commit/{'1' * 40}"
    assert refused.startswith("the model cannot be pushed to somebody/garden (")
    assert "401" in refused
    assert misnamed.startswith("the model cannot be pushed to no/such/name (HFValidationError: ")
    assert missing.startswith("somebody/nothing is neither a file or folder here nor a repository on the hub")

    assert hub.created[0]["name"] == "garden"
    assert hub.created[0].get("visibility") == "private" or hub.created[0].get("private") is True
    header, *operations = hub.commits[0]
    assert header["value"]["summary"] == "Better"
    assert {operation["value"]["path"] for operation in operations} == {"model.safetensors", "config.json", "README.md"}
    card = base64.b64decode(hub.operation("file", "README.md")["content"]).decode()
    assert 'encnet.Predictor("somebody/garden")("photograph.jpg")' in card
    assert "license: mit" in card
    tensors, loaded = model.state_dict(), encnet.load(tmp_path / "again.safetensors").state_dict()
    assert tensors.keys() == loaded.keys()
    assert all(torch.equal(tensors[key], loaded[key]) for key in tensors)
    assert any("resolve/main/config.json" in request for request in hub.requests)  # by which the hub counts downloads


def test_push_without_network_fails_with_one_sentence(model: EncNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(InputError, match=r"cannot be pushed to somebody/garden \(.*; check the name") as error:
        model.push_to_hub("somebody/garden", token="t0ken")
    assert "\n" not in str(error.value)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="cannot be pushed to somebody/garden"):
        model.push_to_hub("somebody/garden", token="t0ken")
