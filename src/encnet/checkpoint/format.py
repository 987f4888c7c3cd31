"""The checkpoint format: one safetensors file, with a description of the model as JSON in its metadata.

Reading it executes no code and needs no other file.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from encnet.model.info import ModelInfo
from encnet.system.errors import InputError, first_line
from encnet.system.files import replacing

FORMAT: str = "encnet"
VERSION: int = 1


def write_checkpoint(
    path: str | os.PathLike[str], tensors: dict[str, Tensor], info: ModelInfo, recorded: bool = True
) -> None:
    """Writes ``tensors`` and ``info`` to ``path`` through a temporary file, and replaces an existing file.

    Args:
        path: the file.
        tensors: the weights by name.
        info: metadata of the checkpoint.
        recorded: as for :func:`encnet.system.files.replacing`.

    Raises:
        InputError: the file cannot be written.
    """
    metadata = {"format": FORMAT, "version": str(VERSION), "info": json.dumps(dataclasses.asdict(info))}
    with replacing(path, recorded, durable=True) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], ModelInfo]:
    """Returns the tensors and the info that :func:`write_checkpoint` wrote.

    Raises:
        InputError: the file is missing, is not a safetensors file, or was not written by encnet.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no checkpoint {path}; give the path of a .safetensors file that encnet wrote")
    try:
        with safe_open(path, framework="pt") as file:
            info = _info(path, file.metadata() or {})
            return {name: file.get_tensor(name) for name in file.keys()}, info  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} is not a readable safetensors file ({first_line(error)}); give one that encnet wrote, or convert "
            f"a checkpoint of other code with `encnet convert {path}`"
        ) from error


def _info(path: str | os.PathLike[str], metadata: dict[str, str]) -> ModelInfo:
    """Parses the metadata of a file."""
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path} is a safetensors file, but not a checkpoint of encnet; give one that encnet wrote, or convert a "
            f"checkpoint of other code with `encnet convert {path}`"
        )
    if metadata.get("version") != str(VERSION):
        raise InputError(
            f"{path} has checkpoint version {metadata.get('version')}, but this encnet reads {VERSION}; update encnet"
        )
    try:
        return ModelInfo(**json.loads(metadata["info"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} has damaged metadata ({first_line(error)}); save the checkpoint again") from error
