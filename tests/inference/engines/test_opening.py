from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from encnet.checkpoint.create import create_model
from encnet.inference.engines import open_engine
from encnet.system.errors import InputError


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("model.onnx", {}, r"no file .*model\.onnx"),
        ("model.xml", {}, r"no file .*model\.xml"),
        ("model.pt2", {}, r"no file .*model\.pt2"),
        ("model.safetensors", {}, r"no checkpoint .*model\.safetensors"),
        ("model.onnx", {"engine": "pytorch"}, "runs in onnxruntime or openvino, not in pytorch; choose onnxruntime"),
        ("model.xml", {"engine": "onnxruntime"}, "runs in openvino, not in onnxruntime; choose openvino"),
        ("model.pt2", {"engine": "compile"}, "runs in pytorch, not in compile"),
        ("model.onnx", {"device": "cuda"}, "runs on the CPU, not on cuda"),
        ("model.safetensors", {"engine": "onnxruntime"}, "export it with `encnet export` to an .onnx file"),
        ("model.safetensors", {"engine": "openvino"}, "export it with `encnet export` to an .xml file"),
        ("model.onnx", {"engine": "tensorrt"}, "no engine 'tensorrt'; choose one of auto, pytorch"),
        ("model.onnx", {"precision": "int4"}, "precision is 'int4'"),
    ],
)
def test_arguments_that_do_not_fit_are_named(file: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        open_engine(tmp_path / file, **options)
    assert caught.value.argument == next(iter(options), None)


def test_models_in_memory_and_on_disk_are_opened(tmp_path: Path) -> None:
    model = create_model("encnet_tiny", 2)
    assert open_engine(model, device="cpu").name == "pytorch"
    model.save(tmp_path / "model.safetensors")
    engine = open_engine(str(tmp_path / "model.safetensors"), device="cpu")
    assert (engine.name, engine.device, engine.description.num_classes) == ("pytorch", "cpu", 2)
    with pytest.raises(InputError, match="a model in memory does not run in openvino"):
        open_engine(model, "openvino")


@pytest.mark.parametrize(
    ("module", "library", "install"),
    [("onnxruntime", "onnxruntime", r"'encnet\[onnx\]'"), ("openvino", "openvino", r"'encnet\[openvino\]'")],
)
def test_a_missing_library_is_named(
    module: str, library: str, install: str, monkeypatch: pytest.MonkeyPatch, toy_onnx: Callable[..., Path]
) -> None:
    path = toy_onnx()
    monkeypatch.delitem(sys.modules, f"encnet.inference.engines.{module}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=f"not installed; `pip install {install}`"):
        open_engine(path, module)  # pyright: ignore[reportArgumentType]


def test_foreign_programs_are_errors(tmp_path: Path) -> None:
    (tmp_path / "text.pt2").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "other.pt2", "w") as archive:
        archive.writestr("archive/version", "0")
    for name in ("text.pt2", "other.pt2"):
        with pytest.raises(InputError, match=f"{name} was not written by encnet"):
            open_engine(tmp_path / name)
