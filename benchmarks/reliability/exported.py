"""Exported files, .onnx, .xml and .pt2: wrong descriptions, foreign graphs, damaged bytes."""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from benchmarks.reliability.attempt import GIGABYTES, command
from benchmarks.reliability.damage import changed, damaged, junk
from benchmarks.reliability.kinds import Case
from benchmarks.reliability.sound import IMAGE, small_model, write_image
from encnet.export.run import export_model
from encnet.inference.engines.description import METADATA_KEY
from encnet.inference.engines.seal import unsealed

TITLE = "exported files"
MEANING = (
    "the description in an .onnx, .xml or .pt2 file has a field of another type or range, or is missing or nested; the"
    " graph has no input, several, or one of another type or rank; no presence, other outputs, another number of"
    " classes, scores that are NaN; it stops while it runs; bytes are cut off, exchanged or inserted. Each is given to"
    " `encnet predict`."
)
NUMBER = 200
MEMORY = GIGABYTES

_SUFFIXES = (".onnx", ".xml", ".pt2")


def prepare(folder: Path) -> None:
    model = small_model()
    for suffix in _SUFFIXES:
        export_model(model, folder / f"model{suffix}")
    write_image(folder / IMAGE)


def case(rng: random.Random, folder: Path) -> Case:
    ways = (_description, _description, _graph, _graph, _program, _bytes)
    name, path = rng.choice(ways)(rng, folder)
    out = folder / "out"
    engine = ["--engine", "openvino"] if path.suffix == ".onnx" and rng.random() < 0.3 else []
    return Case(name, command(["predict", str(path), str(folder / IMAGE), "--out", str(out), *engine], out))


def _described(folder: Path) -> dict[str, Any]:
    model = onnx.load(folder / "model.onnx")
    return json.loads(next(entry.value for entry in model.metadata_props if entry.key == METADATA_KEY))


def _description(rng: random.Random, folder: Path) -> tuple[str, Path]:
    name, fields = changed(_described(folder), rng)
    text = json.dumps(fields) if rng.random() < 0.9 else rng.choice(("", "{", "[" * 5000, "null", "[]", "3", '"x"'))
    path = folder / f"model{rng.choice(_SUFFIXES)}"
    if path.suffix == ".onnx":
        model = onnx.load(path)
        helper.set_model_props(model, {METADATA_KEY: text})
        onnx.save(model, path)
    elif path.suffix == ".xml":
        before = unsealed(path.read_bytes()).decode()
        start = before.index(f"<{METADATA_KEY} value=")
        end = before.index("/>", start)
        path.write_text(f"{before[:start]}<{METADATA_KEY} value={quoteattr(text)} {before[end:]}", encoding="utf-8")
    else:
        _with_extra(path, text)
    return f"{path.suffix} {name}", path


def _with_extra(path: Path, text: str) -> None:
    """Writes a .pt2 file anew with another description."""
    file = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(file, "w") as new:
        for entry in old.infolist():
            described = entry.filename.endswith(f"/extra/{METADATA_KEY}")
            new.writestr(entry.filename, text.encode() if described else old.read(entry))
    path.write_bytes(file.getvalue())


_GRAPHS: tuple[str, ...] = (
    *("sound", "no input", "two inputs", "float input", "rank 3", "bands", "classes", "hidden classes", "no presence"),
    *("NaN", "infinite", "other outputs", "one size", "batch", "float64", "reshape", "no metadata", "huge"),
)
"""What is wrong with a graph of :func:`_graph`."""


def _graph(rng: random.Random, folder: Path) -> tuple[str, Path]:
    """A small graph of ONNX that differs from its description in one thing."""
    way = rng.choice(_GRAPHS)
    kind = TensorProto.FLOAT if way == "float input" else TensorProto.UINT8
    shapes = {
        "rank 3": ["H", "W", 3],
        "bands": ["N", "H", "W", 4],
        "one size": ["N", 7, 7, 3],
        "batch": [5, "H", "W", 3],
    }
    shape = shapes.get(way, ["N", "H", "W", 3])
    inputs = {"no input": 0, "two inputs": 2}.get(way, 1)
    classes = 5 if way in ("classes", "hidden classes") else 3
    presence = way != "no presence"
    factor = {"NaN": np.nan, "infinite": np.inf}.get(way, 1.0)
    weights = np.full((classes, 3, 1, 1), factor, np.float32)
    perm = [2, 0, 1] if way == "rank 3" else [0, 3, 1, 2]
    float_type = TensorProto.DOUBLE if way == "float64" else TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["channels"], perm=perm),
        helper.make_node("Conv", ["channels", "weights"], ["scores"]),
        helper.make_node("Cast", ["scores"], ["logits" if way != "other outputs" else "y"], to=float_type),
        helper.make_node("GlobalAveragePool", ["scores"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Sigmoid", ["flat"], ["presence"]),
    ]
    tensors = [helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel())]
    if way in ("no input", "huge"):
        sides = [1, 10**5, 10**5, 3] if way == "huge" else [1, 8, 8, 3]
        tensors.append(helper.make_tensor("sides", TensorProto.INT64, [4], sides))
        made = helper.make_node(
            "ConstantOfShape", ["sides"], ["constant"], value=helper.make_tensor("v", kind, [1], [1])
        )
        nodes = [made, helper.make_node("Cast", ["constant"], ["floats"], to=TensorProto.FLOAT), *nodes[1:]]
    if way == "reshape":
        tensors.append(helper.make_tensor("wrong", TensorProto.INT64, [2], [7, 7]))
        nodes[5] = helper.make_node("Reshape", ["mean", "wrong"], ["flat"])
    values = [helper.make_tensor_value_info(name, kind, shape) for name in ("images", "more")[:inputs]]
    declared = "C" if way == "hidden classes" else classes
    outputs = [helper.make_tensor_value_info(nodes[3].output[0], float_type, ["N", declared, "h", "w"])]
    if presence:
        outputs.append(helper.make_tensor_value_info("presence", TensorProto.FLOAT, ["N", declared]))
    graph = helper.make_graph(nodes, "foreign", values, outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if way != "no metadata":
        described = _described(folder)
        described["info"]["long_side"] = None
        helper.set_model_props(model, {METADATA_KEY: json.dumps(described)})
    path = folder / "foreign.onnx"
    onnx.save(model, path)
    return f"graph: {way}", path


class _Foreign(torch.nn.Module):
    """A program that returns whatever a function makes of its inputs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *images: torch.Tensor) -> Any:
        return self.function(*images)


def _program(rng: random.Random, folder: Path) -> tuple[str, Path]:
    """A program of torch.export that differs from its description in one thing."""
    pixels = torch.zeros(1, 32, 40, 3, dtype=torch.uint8)

    def logits(images: torch.Tensor) -> torch.Tensor:
        return images.float().permute(0, 3, 1, 2)

    ways: dict[str, tuple[Callable[..., Any], tuple[torch.Tensor, ...]]] = {
        "sound": (lambda x: {"logits": logits(x), "presence": logits(x).mean((2, 3))}, (pixels,)),
        "a tuple": (lambda x: (logits(x), logits(x).mean((2, 3))), (pixels,)),
        "one tensor": (lambda x: logits(x), (pixels,)),
        "no presence": (lambda x: {"logits": logits(x)}, (pixels,)),
        "two inputs": (lambda x, y: {"logits": logits(x + y), "presence": logits(x).mean((2, 3))}, (pixels, pixels)),
        "floats": (lambda x: {"logits": logits(x), "presence": logits(x).mean((2, 3))}, (pixels.float(),)),
        "rank 3": (lambda x: {"logits": x.float(), "presence": x.float().mean(2)}, (pixels[0],)),
        "classes": (lambda x: {"logits": logits(x)[:, :2], "presence": logits(x).mean((2, 3))}, (pixels,)),
        "NaN": (lambda x: {"logits": logits(x) * float("nan"), "presence": logits(x).mean((2, 3))}, (pixels,)),
    }
    way = rng.choice(list(ways))
    function, inputs = ways[way]
    path = folder / "foreign.pt2"
    described = _described(folder)
    described["info"]["long_side"] = None
    program = torch.export.export(_Foreign(function), inputs)
    torch.export.save(program, path, extra_files={METADATA_KEY: json.dumps(described)})
    return f"program: {way}", path


def _bytes(rng: random.Random, folder: Path) -> tuple[str, Path]:
    suffix = rng.choice((*_SUFFIXES, ".bin"))
    path = folder / f"model{suffix}"
    sealed = folder / f"model{'.xml' if suffix == '.bin' else suffix}"
    if rng.random() < 0.5:  # as a file that another program wrote
        sealed.write_bytes(unsealed(sealed.read_bytes()))
    name, content = damaged(path.read_bytes(), rng, rng.choice((None, 2000)))
    if rng.random() < 0.1:
        name, content = "junk", str(junk(rng)).encode(errors="replace")
    path.write_bytes(content)
    return f"{suffix} {name}", folder / "model.xml" if suffix == ".bin" else path
