"""Checkpoints of encnet with wrong metadata, wrong tensors, or a damaged file."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any

from benchmarks.reliability.attempt import GIGABYTES, command
from benchmarks.reliability.damage import changed, damaged, junk
from benchmarks.reliability.kinds import Case
from benchmarks.reliability.sound import IMAGE, small_model, write_image

TITLE = "checkpoints"
MEANING = (
    "a field of the metadata or an option has another type or range, or is missing; the header names tensors of other"
    " shapes and types, or of sizes that no memory holds; weights are NaN, infinite or absent; bytes are cut off,"
    " exchanged or inserted. Each is given to `encnet predict`."
)
NUMBER = 400
MEMORY = GIGABYTES

_OPTIONS: dict[str, tuple[Any, ...]] = {
    "head_channels": (10**6, 65536),
    "num_codes": (10**9, 65536),
    "num_classes": (65535, 10**9),
    "backbone": (
        "resnet152",
        "resnetv2_152x4_bit",
        "hf-hub:a/b",
        "local-dir:/etc",
        "os:system",
        "vit_tiny_patch16_224",
    ),
    "backbone_options": (
        {"layers": [10**9] * 4},
        {"layers": [100] * 4},
        {"channels": [65536] * 4},
        {"checkpoint_path": "/etc/passwd"},
        {"act_layer": "os.system"},
        {"norm_layer": "builtins.exec"},
        {"pretrained": True},
        {"block_args": {"attn_layer": "x"}},
        {"stem_width": 10**9},
    ),
    "detail_channels": ([65536, 65536], [8, 8, 8]),
    "head": ("fullres", "nothing"),
    "jpu": (True,),
    "in_channels": (4, 1024),
}
"""Options that fit the schema or nearly, but not the tensors."""


def prepare(folder: Path) -> None:
    small_model().save(folder / "model.safetensors")
    write_image(folder / IMAGE)


def case(rng: random.Random, folder: Path) -> Case:
    path, out = folder / "model.safetensors", folder / "out"
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    ways = (_metadata, _metadata, _metadata, _options, _tensor_type, _tensor_values, _text, _bytes)
    name, changed_content = rng.choice(ways)(header, data, rng)
    path.write_bytes(changed_content)
    return Case(name, command(["predict", str(path), str(folder / IMAGE), "--out", str(out), "--device", "cpu"], out))


def packed(header: Any, data: bytes) -> bytes:
    """A safetensors file of a header and the bytes of tensors, without any check."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def _metadata(header: Any, data: bytes, rng: random.Random) -> tuple[str, bytes]:
    name, info = changed(json.loads(header["__metadata__"]["info"]), rng)
    header["__metadata__"]["info"] = json.dumps(info)
    return name, packed(header, data)


def _options(header: Any, data: bytes, rng: random.Random) -> tuple[str, bytes]:
    info = json.loads(header["__metadata__"]["info"])
    option = rng.choice(list(_OPTIONS))
    info["options"][option] = rng.choice(_OPTIONS[option])
    header["__metadata__"]["info"] = json.dumps(info)
    return f"{option} = {info['options'][option]}", packed(header, data)


def _text(header: Any, data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """Metadata that are no JSON, or not of this format."""
    field = rng.choice(("format", "version", "info"))
    texts = (
        "",
        "{",
        "[" * 10_000,
        '{"a":' * 10_000,
        "null",
        "1e999",
        "\ud800",
        "2",
        "x" * 10**6,
        "[" + "1," * 10**6 + "1]",
    )
    header["__metadata__"][field] = rng.choice(texts)
    if rng.random() < 0.2:
        header["__metadata__"] = junk(rng)
    return f"{field} = {str(header['__metadata__'])[:40]!r}", packed(header, data)


def _tensor_type(header: Any, data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """The header of a tensor is changed, the bytes stay."""
    name = rng.choice([name for name in header if name != "__metadata__"])
    way = rng.randrange(6)
    if way == 0:
        header[name]["shape"] = rng.choice(([10**12], [0, 10**12], [2**63], [-1], [], [1] * 100, junk(rng)))
    elif way == 1:
        header[name]["dtype"] = rng.choice(("F64", "I32", "BOOL", "F8_E4M3", "U128", "", junk(rng)))
    elif way == 2:
        header[name]["data_offsets"] = rng.choice(([0, 10**15], [-1, 4], [4, 0], [0, 0], junk(rng)))
    elif way == 3:
        header[name + rng.choice((".x", "\n", "x" * 5000))] = header.pop(name)
    elif way == 4:
        del header[name]
    else:
        flat = 1
        for side in header[name]["shape"]:
            flat *= side
        header[name]["shape"] = [flat]
    return f"header of {name}", packed(header, data)


def _tensor_values(header: Any, data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """A value in a tensor of floats is NaN, infinite, negative or huge."""
    names = [name for name in header if name != "__metadata__" and header[name]["dtype"] == "F32"]
    name, value = rng.choice(names), rng.choice((float("nan"), float("inf"), -float("inf"), -1e30, 3e38))
    start, end = header[name]["data_offsets"]
    place = rng.randrange(start, end, 4)
    return f"{name} has {value}", packed(header, data[:place] + struct.pack("<f", value) + data[place + 4 :])


def _bytes(header: Any, data: bytes, rng: random.Random) -> tuple[str, bytes]:
    content = packed(header, data)
    if rng.random() < 0.3:
        length = rng.choice((0, 1, 2**20, 2**40, 2**63))
        return f"header of {length} bytes", struct.pack("<Q", length) + content[8:]
    return damaged(content, rng, head=len(content) - len(data))
