"""The file format: complete, and clear about damaged metadata."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from encnet.checkpoint.format import TensorType, read_header, read_tensors, write_checkpoint
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError


def test_tensors_and_info_are_read_as_they_were_written(tmp_path: Path) -> None:
    tensors = {"a": torch.randn(2, 3).T, "b": torch.arange(3)}
    info = ModelInfo("x", {"num_classes": 2}, [0.5], [0.25], classes=["ä", "b"], training={"scores": {"iou": 0.5}})
    write_checkpoint(tmp_path / "x.safetensors", tensors, info)
    read, (read_info, types) = read_tensors(tmp_path / "x.safetensors"), read_header(tmp_path / "x.safetensors")
    assert read_info == info
    assert types == {name: TensorType.of(tensor) for name, tensor in tensors.items()}
    assert read.keys() == tensors.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in tensors.items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "2"}, "has checkpoint version 2, but this encnet reads 1; update encnet"),
        ({"format": "other"}, "is a safetensors file, but not a checkpoint of encnet"),
        ({"info": "{"}, "damaged metadata"),
        ({"info": '{"sparkle": 1}'}, "damaged metadata"),
    ],
)
def test_wrong_metadata_is_refused_with_one_sentence(saved: Path, changes: dict[str, str], message: str) -> None:
    with safe_open(saved, "pt") as file:
        metadata = dict(file.metadata())
    save_file(load_file(saved), saved, metadata | changes)
    with pytest.raises(InputError, match=message) as error:
        read_header(saved)
    assert "\n" not in str(error.value)
