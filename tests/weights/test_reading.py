"""Foreign files: state dict and metadata are read, and nothing is executed."""

from __future__ import annotations

import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from encnet.checkpoint.create import create_model
from encnet.system.errors import InputError
from encnet.weights.reading import read_foreign

STATE = OrderedDict(weight=torch.arange(6.0).reshape(2, 3), bias=torch.ones(2))


class Payload:
    """An object that is pickled as a call."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.arguments


def assert_state(tensors: Any) -> None:
    """Asserts that the tensors are those of ``STATE``."""
    assert tensors.keys() == STATE.keys()
    assert all(torch.equal(tensors[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("key", [None, "state_dict", "model"])
def test_pickled_files_of_any_age_are_read(tmp_path: Path, legacy: bool, key: str | None) -> None:
    content = STATE if key is None else {key: STATE, "epoch": 3, "meta": {"CLASSES": ("a", "b")}}
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=not legacy)
    file = read_foreign(tmp_path / "w.pth")
    assert_state(file.tensors)
    assert file.meta == ({} if key is None else {"CLASSES": ("a", "b")})


def test_safetensors_with_prefixes_of_wrappers_are_read(tmp_path: Path) -> None:
    save_file({f"module.module.{name}": tensor for name, tensor in STATE.items()}, tmp_path / "w.safetensors")
    assert_state(read_foreign(tmp_path / "w.safetensors").tensors)


@pytest.fixture
def history_buffer() -> Iterator[type]:
    """A class that is named and pickled like MMEngine's log; its module is removed afterwards."""

    class HistoryBuffer:
        def __init__(self) -> None:
            self._log_history = np.arange(5.0)
            self._methods = OrderedDict(mean=HistoryBuffer.mean)

        def mean(self) -> float:
            return 0.0

    names = ("mmengine", "mmengine.logging", "mmengine.logging.history_buffer")
    assert not set(names) & set(sys.modules)
    for name in names:
        sys.modules[name] = ModuleType(name)
    HistoryBuffer.__module__ = HistoryBuffer.mean.__module__ = names[-1]
    HistoryBuffer.__qualname__, HistoryBuffer.mean.__qualname__ = "HistoryBuffer", "HistoryBuffer.mean"
    sys.modules[names[-1]].HistoryBuffer = HistoryBuffer  # type: ignore[attr-defined]
    yield HistoryBuffer
    for name in names:
        sys.modules.pop(name, None)


def test_objects_that_training_scripts_add_are_ignored(tmp_path: Path, history_buffer: type) -> None:
    added = {
        "message_hub": {"log_scalars": OrderedDict(loss=history_buffer())},
        "meta": {"best": np.float64(0.4), "scores": np.arange(3), "CLASSES": ["a"]},
        "best_pred": np.float32(0.4),
        "optimizer": {"state": {0: {"momentum_buffer": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]},
    }
    torch.save({"state_dict": STATE, **added}, tmp_path / "w.pth")
    content = (tmp_path / "w.pth").read_bytes()
    assert b"HistoryBuffer" in content
    assert b"getattr" in content
    for name in [name for name in sys.modules if name.startswith("mmengine")]:
        del sys.modules[name]
    file = read_foreign(tmp_path / "w.pth")
    assert_state(file.tensors)
    assert file.meta["CLASSES"] == ["a"]
    assert not any(name.startswith("mmengine") for name in sys.modules)


@pytest.mark.parametrize("form", ["zip", "legacy", "protocol 2", "protocol 4"])
@pytest.mark.parametrize("call", ["os.mkdir", "builtins.eval", "subclass"])
def test_a_pickle_with_code_is_refused_and_not_executed(tmp_path: Path, form: str, call: str) -> None:
    target = tmp_path / "executed"
    command = f"__import__('os').mkdir({str(target)!r})"
    payload = {
        "os.mkdir": Payload(os.mkdir, str(target)),
        "builtins.eval": Payload(eval, command),
        # The replacement of getattr returns an object that cannot be called.
        "subclass": Payload(getattr, Payload(__import__, "os"), "mkdir"),
    }[call]
    path = tmp_path / "evil.pth"
    content = {"state_dict": dict(STATE), "meta": {"CLASSES": payload}}
    if form in ("zip", "legacy"):
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    else:
        path.write_bytes(pickle.dumps(content, protocol=int(form[-1])))
    with pytest.raises(InputError) as error:
        read_foreign(path)
    message = str(error.value)
    assert "evil.pth" in message
    assert "\n" not in message
    assert "save" in message
    if form == "zip":
        assert {"os.mkdir": "mkdir", "builtins.eval": "eval", "subclass": "__import__"}[call] in message
        assert "safetensors.torch.save_file" in message
    assert not target.exists()


def test_the_payload_executes_when_it_is_unpickled(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(os.mkdir, str(tmp_path / "executed")), protocol=2))
    assert (tmp_path / "executed").is_dir()


def test_unreadable_files_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("not a checkpoint")
    (tmp_path / "text.safetensors").write_text("not a checkpoint")
    (tmp_path / "empty.pth").write_bytes(b"")
    torch.save(STATE, tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:200])
    torch.save([torch.ones(2)], tmp_path / "list.pth")
    torch.save({"state_dict": {"a": torch.ones(2), "b": 3}}, tmp_path / "mixed.pth")
    torch.save({}, tmp_path / "nothing.pth")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pth")
    create_model("encnet_tiny", 2).save(tmp_path / "ours.safetensors")
    for name, message in (
        ("absent.pth", "there is no checkpoint file"),
        ("text.pth", "text.pth"),
        ("text.safetensors", "not a readable safetensors file"),
        ("empty.pth", "cannot be read as a PyTorch checkpoint"),
        ("cut.pth", "cut.pth"),
        ("list.pth", "holds no state dict"),
        ("mixed.pth", "holds no state dict"),
        ("nothing.pth", "holds no state dict"),
        ("module.pth", "asks for torch.nn.modules.linear.Linear"),
        ("ours.safetensors", "is already a checkpoint of encnet"),
    ):
        with pytest.raises(InputError, match=message) as error:
            read_foreign(tmp_path / name)
        assert "\n" not in str(error.value)
