"""The checkpoint format: one safetensors file, whose metadata says as JSON what the tensors are.

Reading it executes no code, and needs nothing but the file.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from encnet.errors import InputError
from encnet.files import replacing
from encnet.model.info import ModelInfo

FORMAT = "encnet"
VERSION = 1


def write_checkpoint(path: str | os.PathLike[str], tensors: dict[str, Tensor], info: ModelInfo) -> None:
    """Writes ``tensors`` and ``info`` to ``path``, through a temporary file.

    Raises:
        InputError: the file cannot be written.
    """
    metadata = {"format": FORMAT, "version": str(VERSION), "info": json.dumps(dataclasses.asdict(info))}
    with replacing(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)


def read_checkpoint(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], ModelInfo]:
    """Reads what :func:`write_checkpoint` wrote.

    Raises:
        InputError: the file is missing, is no safetensors file, or is not one of ours.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no checkpoint {path}; give the path of a .safetensors file that encnet wrote")
    try:
        with safe_open(path, framework="pt") as file:
            info = _info(path, file.metadata() or {})
            return {name: file.get_tensor(name) for name in file.keys()}, info  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} is not a readable safetensors file ({error}); give one that encnet wrote, or turn a checkpoint of "
            f"other code into one with `encnet convert {path}`"
        ) from error


def _info(path: str | os.PathLike[str], metadata: dict[str, str]) -> ModelInfo:
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path} is a safetensors file, but not a checkpoint of encnet; give one that encnet wrote, or turn a "
            f"checkpoint of other code into one with `encnet convert {path}`"
        )
    if metadata.get("version") != str(VERSION):
        raise InputError(
            f"{path} has checkpoint version {metadata.get('version')}, and this encnet reads {VERSION}; update encnet"
        )
    try:
        return ModelInfo(**json.loads(metadata["info"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} has damaged metadata ({error}); write the checkpoint again") from error
