"""Files of other code bases for `encnet convert`: hostile pickles, tensors that are not there, odd configs."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from benchmarks.reliability.attempt import GIGABYTES, command
from benchmarks.reliability.damage import damaged, junk
from benchmarks.reliability.kinds import Case
from encnet.checkpoint.create import create_model
from encnet.commands.convert import LISTED
from encnet.weights.mmseg import MODULES

TITLE = "converted files"
MEANING = (
    "a .pdparams, .pth or .safetensors file holds tensors that are NaN, empty, repeated without end, on no device or of"
    " other types; metadata and configs of wrong types; pickles that number objects by the billion, copy them, or ask"
    " for code; archives that unpack to gigabytes; bytes are cut off, exchanged or inserted. Each is given to `encnet"
    " convert`."
)
NUMBER = 200
MEMORY = GIGABYTES


def prepare(folder: Path) -> None:
    """The network of MMSegmentation's names that cases start from, with half of the bytes: a ResNet-18."""
    torch.manual_seed(0)
    state = create_model("encnet_resnet18", 3, head_channels=16, num_codes=4, aux_channels=8).state_dict()
    theirs = {ours: name for name, ours in MODULES.items()}
    prefixes = [ours for ours in theirs if ours.endswith(".")]
    named = {}
    for name, tensor in state.items():
        module, _, parameter = name.rpartition(".")
        start = next((ours for ours in prefixes if name.startswith(ours)), None)
        foreign = theirs[start] + name.removeprefix(start) if start else f"{theirs[module]}.{parameter}"
        named[foreign] = tensor.half() if tensor.is_floating_point() else tensor
    torch.save(named, folder / "state.pth")


def case(rng: random.Random, folder: Path) -> Case:
    way = rng.choice((_tensors, _tensors, _metadata, _metadata, _pdparams, _pdparams, _pickle, _archive, _bytes))
    name, suffix, content = way(rng, folder)
    path, out = folder / f"foreign{suffix}", folder / "converted.safetensors"
    path.write_bytes(content)
    words = ["convert", str(path), "--out", str(out)]
    corners = ["--align_corners", "false"] if rng.random() < 0.7 else []
    return Case(name, command([*words, *corners], out, LISTED + 1))


def _state(folder: Path) -> dict[str, Tensor]:
    return torch.load(folder / "state.pth", weights_only=True)


def _stored(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def _tensors(rng: random.Random, folder: Path) -> tuple[str, str, bytes]:
    state = _state(folder)
    name = rng.choice(list(state))
    tensor = state[name]
    ways: dict[str, Callable[[], Any]] = {
        "NaN": lambda: tensor.float() * float("nan"),
        "infinite": lambda: tensor.float() + float("inf"),
        "empty": lambda: torch.zeros(10**6, 0, 1, 1),
        "repeated": lambda: torch.zeros(1).expand(10**5, 10**5, *[1] * max(0, tensor.dim() - 2)),
        "on meta": lambda: torch.zeros(10**6, 10**6, device="meta"),
        "sparse": lambda: torch.eye(8).to_sparse(),
        "complex": lambda: tensor.to(torch.complex64),
        "true or false": lambda: tensor.bool(),
        "of another rank": lambda: tensor[None],
        "scalar": lambda: torch.tensor(1.0),
        "no tensor": lambda: junk(rng),
        "quantised": lambda: torch.quantize_per_tensor(torch.zeros(4), 1.0, 0, torch.qint8),
    }
    way = rng.choice(list(ways))
    state[name] = ways[way]()
    if way not in ("on meta", "sparse", "complex", "no tensor", "quantised", "repeated") and rng.random() < 0.3:
        return f"{name} {way}", ".safetensors", save(state)
    return f"{name} {way}", ".pth", _stored(state)


def _metadata(rng: random.Random, folder: Path) -> tuple[str, str, bytes]:
    """What MMSegmentation stores beside the tensors is of the wrong type, or a hostile config."""
    key = rng.choice(("cfg", "config", "dataset_meta", "CLASSES", "PALETTE", "align_corners"))
    doubled = "a=[1,1]\n" + "\n".join(f"{chr(98 + i)}=[{chr(97 + i)},{chr(97 + i)}]" for i in range(24))
    configs = (
        "model=dict(backbone=dict(strides=9,dilations='x'))",
        "model=dict(backbone=dict(strides=(1,2,1,1),dilations=(1,1,2,4)),decode_head=dict(align_corners=False))",
        f"{doubled}\nmodel=dict(backbone=dict(strides=y,dilations=y))",
        "crop_size=(10**9,1e999)",
        "crop_size=(-1,0)\nimg_norm_cfg=dict(mean=[1e999,2,3],std=[0,0,0],to_rgb=7)",
        "model=dict(data_preprocessor=dict(mean=[1,2,3],std=[-1,1,1]))",
        "[" * 5000,
        "x=" + "-" * 100_000 + "1",
        "x=1\n" * 10**6,
        "import os\nos.mkdir('made')",
        "\x00",
    )
    classes = rng.choice((["\ud800"] * 3, ["x" * 10**6] * 3, [1, 2, 3], ["a"] * 70_000, {"a": 1}, "road"))
    values = (rng.choice(configs), {"classes": classes, "palette": junk(rng)}, classes, junk(rng))
    meta = {key: rng.choice(values)} if rng.random() < 0.9 else junk(rng)
    return f"meta {str(meta)[:60]!r}", ".pth", _stored({"state_dict": _state(folder), "meta": meta})


def _pdparams(rng: random.Random, folder: Path) -> tuple[str, str, bytes]:
    """Pickles of arrays, some of which no library would write."""
    array = np.ones(4, np.float32)
    sound = pickle.dumps({"linear.weight": array}, 4)
    loop: list[Any] = []
    loop.append(loop)
    nested: Any = 0
    for _ in range(200):
        nested = [nested]
    global_name = rng.choice(("os system", "numpy load", "builtins getattr", "posix mkdir")).replace(" ", "\n").encode()
    huge = struct.pack("<I", 2**31 - 1)
    ways: dict[str, Callable[[], bytes]] = {
        "a far memo": lambda: b"\x80\x04}r" + huge + b".",
        "a far memo in text": lambda: b"}p999999999999\n.",
        "a long string": lambda: b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"abc",
        "long bytes": lambda: b"\x80\x04\x8e" + struct.pack("<Q", 2**33) + b"abc",
        "a long frame": lambda: b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"}.",
        "a huge array": lambda: _call("numpy", "ndarray", b"(J" + huge + b"t"),
        "a huge reconstruction": lambda: _call(
            "numpy.core.multiarray", "_reconstruct", b"(cnumpy\nndarray\n(J" + huge + b"tC\x01dt"
        ),
        "a huge type": lambda: _call("numpy", "dtype", b"(X\x0b\x00\x00\x00V2000000000\x89\x88t"),
        "code": lambda: b"\x80\x04c" + global_name + b"\n(X\x01\x00\x00\x00xtR.",
        "copies": lambda: b"\x80\x04(" + b"X" + struct.pack("<I", 10**6) + b"a" * 10**6 + b"q\x010" + _copies() + b"l.",
        "objects": lambda: pickle.dumps({"x": np.array([None, {}])}, rng.choice((2, 4))),
        "no mapping": lambda: pickle.dumps(rng.choice((loop, nested, [array], array, 3, None, "x")), 4),
        "a number for a name": lambda: pickle.dumps({1: array}, 4),
        "empty": lambda: pickle.dumps({"x": np.zeros((10**9, 0), np.float32)}, 4),
        "complex": lambda: pickle.dumps({"x": array.astype(np.complex64)}, 4),
        "foreign names": lambda: sound,
        "infinite": lambda: pickle.dumps({"linear.weight": array * np.inf}, 2),
        "bytes": lambda: damaged(sound, rng)[1],
        "random opcodes": lambda: b"\x80\x04" + bytes(rng.choices(b"()}]{.0QRabcdegijlopqrstuX\x85\x86\x87\x93", k=40)),
    }
    way = rng.choice(list(ways))
    return f"pdparams: {way}", ".pdparams", ways[way]()


def _call(module: str, name: str, arguments: bytes) -> bytes:
    """A pickle {"x": module.name(*arguments)}."""
    return b"\x80\x02}X\x01\x00\x00\x00xc" + f"{module}\n{name}\n".encode() + arguments + b"Rs."


def _copies() -> bytes:
    """Opcodes that encode one string five thousand times."""
    return (b"c_codecs\nencode\n(h\x01X\x06\x00\x00\x00latin1tR") * 5000


def _pickle(rng: random.Random, folder: Path) -> tuple[str, str, bytes]:
    """The file is a pickle, but no PyTorch checkpoint."""
    content = rng.choice((junk(rng), {"state_dict": junk(rng)}, {"model": {"a": junk(rng)}}, [1, 2]))
    suffix = rng.choice((".pth", ".pth.tar", ".pt", ".bin"))
    try:
        stored = _stored(content) if rng.random() < 0.5 else pickle.dumps(content, rng.choice((0, 2, 4)))
    except UnicodeEncodeError:
        stored = b""
    return f"pickle of {str(content)[:40]!r}", suffix, stored


def _archive(rng: random.Random, folder: Path) -> tuple[str, str, bytes]:
    """A zip archive as PyTorch's, compressed or with other files."""
    stored, file = _stored({"weight": torch.zeros(2**20)}), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(stored)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith("/data/0") and rng.random() < 0.5:
                content *= 100
            if entry.filename.endswith("data.pkl") and rng.random() < 0.3:
                content = damaged(content, rng)[1]
            if rng.random() < 0.9:
                new.writestr(entry.filename, content)
    return "a compressed archive", ".pth", file.getvalue()


def _bytes(rng: random.Random, folder: Path) -> tuple[str, str, bytes]:
    suffix = rng.choice((".pth", ".safetensors", ".pdparams"))
    small = {"a.weight": torch.ones(8, 4), "b.bias": torch.zeros(3)}
    contents = {
        ".pth": lambda: _stored(small),
        ".safetensors": lambda: save(small),
        ".pdparams": lambda: pickle.dumps({name: tensor.numpy() for name, tensor in small.items()}, 4),
    }
    name, content = damaged(contents[suffix](), rng)
    return f"{suffix} {name}", suffix, content
