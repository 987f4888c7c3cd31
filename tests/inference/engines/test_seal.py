"""A sealed file that has changed is refused before an engine reads it; a seal changes nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from encnet.inference.engines import open_engine
from encnet.inference.engines.engine import EngineName
from encnet.inference.engines.seal import require_unbroken, seal, unsealed
from encnet.system.errors import InputError

pytest.importorskip("onnx")
MakeToy = Callable[..., Path]
FORMATS: tuple[tuple[str, EngineName], ...] = (
    ("toy_onnx", "onnxruntime"),
    ("toy_onnx", "openvino"),
    ("toy_xml", "openvino"),
)


@pytest.mark.parametrize(("make", "engine"), FORMATS)
def test_engines_read_sealed_files_as_those_without(
    make: str, engine: EngineName, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip(engine)
    path: Path = request.getfixturevalue(make)()
    images = np.random.default_rng(0).integers(0, 256, (1, 8, 12, 3), dtype=np.uint8)
    before, content = open_engine(path, engine)(images), path.read_bytes()
    seal(path)
    after = open_engine(path, engine)(images)
    assert path.read_bytes() != content and unsealed(path.read_bytes()) == content
    np.testing.assert_array_equal(before.logits, after.logits)
    np.testing.assert_array_equal(before.presence, after.presence)  # pyright: ignore[reportArgumentType]


def test_the_seal_of_onnx_is_an_entry_of_the_metadata(toy_onnx: MakeToy) -> None:
    import onnx

    path = toy_onnx()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    seal(path)
    assert {entry.key: entry.value for entry in onnx.load(path).metadata_props}["encnet_sha256"] == digest


@pytest.mark.parametrize("suffix", [".xml", ".onnx"])
def test_each_changed_byte_is_noticed(suffix: str, tmp_path: Path) -> None:
    path, weights = tmp_path / f"model{suffix}", tmp_path / "model.bin"
    path.write_bytes(bytes(range(200)))
    weights.write_bytes(b"weights")
    seal(path)
    require_unbroken(path)
    content = path.read_bytes()
    for place in range(200):
        path.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        with pytest.raises(InputError, match=r"has changed since it was written; copy it again"):
            require_unbroken(path)
    path.write_bytes(content[:100] + content[101:])
    with pytest.raises(InputError, match="has changed"):
        require_unbroken(path)
    path.write_bytes(content)
    weights.write_bytes(b"weighty")
    if suffix == ".xml":
        with pytest.raises(InputError, match=r"model\.xml or model\.bin has changed"):
            require_unbroken(path)
    else:
        require_unbroken(path)


def test_other_files_have_no_seal(tmp_path: Path) -> None:
    for name in ("model.pt2", "empty.onnx"):
        (tmp_path / name).write_bytes(b"")
    seal(tmp_path / "model.pt2")
    assert (tmp_path / "model.pt2").read_bytes() == b""
    require_unbroken(tmp_path / "empty.onnx")
