"""Folders and the hub: the real client speaks to a small hub in this process."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard, ModelCardData
from PIL import Image

import encnet
from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.system.errors import InputError


@pytest.fixture
def model() -> EncNet:
    torch.manual_seed(0)
    model = create_model("encnet_tiny", 3)
    model.info.classes = ["lawn", "path | way", "<b>roof</b>"]
    model.info.palette = [[90, 180, 60], [200, 190, 170], [0, 0, 255]]
    model.info.long_side = 640
    model.info.training = {"dataset": "garden", "epoch": 7, "validation": {"mean_iou": 0.51239, "pixel_accuracy": 1.0}}
    return model.eval()


def same(first: EncNet, second: EncNet) -> bool:
    tensors, others = first.state_dict(), second.state_dict()
    return tensors.keys() == others.keys() and all(torch.equal(tensors[key], others[key]) for key in tensors)


def table(card: str, heading: str) -> list[list[str]]:
    """Cells of the rows of the table below a heading; an escaped bar is none between cells."""
    lines = card.split(f"## {heading}\n\n")[1].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def test_a_folder_comes_back(model: EncNet, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "garden")
    names = [path.name for path in (tmp_path / "garden").iterdir()]
    assert sorted(names) == ["README.md", "config.json", "model.safetensors"]
    assert json.loads((tmp_path / "garden/config.json").read_text())["classes"] == model.info.classes
    for again in (EncNet.from_pretrained(tmp_path / "garden"), encnet.load(str(tmp_path / "garden"))):
        assert same(model, again)
        assert again.info == model.info
        assert not again.training


def test_the_card_says_what_the_checkpoint_says(model: EncNet, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path, license="cc-by-4.0")
    card = ModelCard.load(tmp_path / "README.md")
    data = cast(ModelCardData, card.data)
    assert (data.license, data.library_name, data.pipeline_tag) == ("cc-by-4.0", "encnet", "image-segmentation")
    assert {"semantic-segmentation", "encnet_tiny"} <= set(data.tags or [])
    assert table(card.text, "Classes") == [
        ["0", "lawn", "`#5ab43c`"],
        ["1", r"path \| way", "`#c8beaa`"],
        ["2", "&lt;b>roof&lt;/b>", "`#0000ff`"],
    ]
    options = dict(table(card.text, "Network"))
    assert options.keys() == model.info.options.keys()
    assert (options["num_classes"], options["lateral"], options["num_codes"]) == ("3", "no", "32")
    assert dict(table(card.text, "Preprocessing"))["mean"] == "0.485, 0.456, 0.406"
    assert dict(table(card.text, "Preprocessing"))["length of the long side"] == "640 pixels"
    scores = dict(table(card.text, "Training and scores"))
    assert scores == {
        "dataset": "garden",
        "epoch": "7",
        "validation: mean_iou": "0.5124",
        "validation: pixel_accuracy": "1",
    }
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert f"{weights / 1e6:.1f} million weights" in card.text


def test_a_card_without_license_classes_and_training(tmp_path: Path) -> None:
    model = create_model("encnet_tiny", 300 - 45, se=False)
    model.save_pretrained(tmp_path)
    card = ModelCard.load(tmp_path / "README.md")
    assert "license" not in card.data.to_dict()
    assert "255 classes; the checkpoint does not name them." in card.text
    assert "Training" not in card.text
    assert "segmentation.presence" not in card.text


def test_the_lines_of_the_card_run(model: EncNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model.save_pretrained(tmp_path / 'the "garden"')
    code = (tmp_path / 'the "garden"/README.md').read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((32, 40, 3), np.uint8)).save("photograph.jpg")
    exec(code, {})
    assert (tmp_path / "overlay.png").is_file()


def test_only_cards_of_its_own_are_replaced(model: EncNet, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    model.info.training["epoch"] = 8
    model.save_pretrained(tmp_path)
    assert "| epoch | 8 |" in (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text("# A project of its own\n")
    model.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "# A project of its own\n"


def test_wrong_folders_are_named(model: EncNet, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty/model\.safetensors"):
        EncNet.from_pretrained(tmp_path / "empty")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        model.save_pretrained(tmp_path / "file")


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as one commit and one download take; only what its owner has a token for can be written."""

    server: HubServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server = self.server
        if self.path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        if self.headers.get("Authorization") != "Bearer t0ken":
            return self.answer({"error": "Invalid username or password."}, 401)
        if self.path == "/api/repos/create":
            server.created.append(json.loads(body))
            return self.answer({"url": f"{server.address}/somebody/garden"})
        if self.path == "/api/models/somebody/garden/preupload/main":
            modes = {True: "lfs", False: "regular"}
            files = [file["path"] for file in json.loads(body)["files"]]
            answers = [{"path": file, "uploadMode": modes[file.endswith("safetensors")]} for file in files]
            return self.answer({"files": [{**answer, "shouldIgnore": False} for answer in answers]})
        if self.path == "/somebody/garden.git/info/lfs/objects/batch":
            objects = [
                {**file, "actions": {"upload": {"href": f"{server.address}/storage/{file['oid']}"}}}
                for file in json.loads(body)["objects"]
            ]
            return self.answer({"transfer": "basic", "objects": objects})
        if self.path == "/api/models/somebody/garden/commit/main":
            server.commits.append([json.loads(line) for line in body.splitlines()])
            address = f"{server.address}/somebody/garden/commit/{'1' * 40}"
            return self.answer({"success": True, "commitUrl": address, "commitOid": "1" * 40})
        return self.answer({"error": "unknown"}, 404)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.storage[self.path.rpartition("/")[2]] = body
        self.answer({})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.path == "/somebody/garden/resolve/main/config.json" and self.server.commits:
            body = base64.b64decode(self.server.operation("file", "config.json")["content"])
        elif self.path == "/somebody/garden/resolve/main/model.safetensors" and self.server.commits:
            body = self.server.storage[self.server.operation("lfsFile", "model.safetensors")["oid"]]
        else:
            return self.answer({"error": "unknown"}, 404)
        etag = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": "1" * 40}
        return self.answer(body, 200, etag)

    def answer(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        self.server.requests.append(format % args)


class HubServer(ThreadingHTTPServer):
    """What the hub was asked for and has stored."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hub)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.created: list[dict[str, Any]] = []
        self.commits: list[list[dict[str, Any]]] = []
        self.storage: dict[str, bytes] = {}
        self.requests: list[str] = []

    def operation(self, key: str, path: str) -> dict[str, Any]:
        """The operation of the last commit that writes a file."""
        values = (line["value"] for line in self.commits[-1] if line["key"] == key)
        return next(value for value in values if value["path"] == path)


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


def test_a_model_is_pushed_and_comes_back(model: EncNet, hub: HubServer, tmp_path: Path) -> None:
    """The client reads the hub's address when it is imported: hence a process of its own."""
    model.save(tmp_path / "model.safetensors")
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": "t0ken",
        "HF_HUB_DISABLE_XET": "1",  # the other way of storing large files, of which no small server exists
        "HF_HUB_OFFLINE": "0",
        "OMP_NUM_THREADS": "1",
    }
    paths = [str(tmp_path / name) for name in ("model.safetensors", "cache", "again.safetensors")]
    command = [sys.executable, "-c", PUSH_AND_LOAD, *paths]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, (run.stderr, hub.requests)

    address, refused, misnamed, missing = run.stdout.splitlines()
    assert address == f"{hub.address}/somebody/garden/commit/{'1' * 40}"
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
    assert same(model, encnet.load(tmp_path / "again.safetensors"))
    assert any("resolve/main/config.json" in request for request in hub.requests)  # by which the hub counts downloads


def test_without_network_a_push_is_one_sentence(model: EncNet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(InputError, match=r"cannot be pushed to somebody/garden \(.*; check the name") as error:
        model.push_to_hub("somebody/garden", token="t0ken")
    assert "\n" not in str(error.value)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="cannot be pushed to somebody/garden"):
        model.push_to_hub("somebody/garden", token="t0ken")
