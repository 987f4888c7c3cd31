"""The checkpoint format: one safetensors file, with a description of the model as JSON in its metadata.

Reading it executes no code and needs no other file.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from encnet.model.info import ModelInfo
from encnet.model.schema import check_info
from encnet.system.errors import InputError, first_line
from encnet.system.files import replacing
from encnet.system.text import shortened

FORMAT: str = "encnet"
VERSION: int = 1


class Header(NamedTuple):
    """What a checkpoint says before its tensors are read; safetensors has checked it against the size of the file."""

    info: ModelInfo
    """Metadata of the model."""
    tensors: dict[str, TensorType]
    """Name -> shape and type of each tensor."""


class TensorType(NamedTuple):
    """What a tensor is, without its values."""

    shape: tuple[int, ...]
    is_float: bool

    @classmethod
    def of(cls, tensor: Tensor) -> TensorType:
        return cls(tuple(tensor.shape), tensor.is_floating_point())


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
        InputError: the file cannot be written; or :func:`read_header` or :func:`read_tensors` would refuse it, because
            a weight is not finite or a field of ``info`` has another type or range.
    """
    fields = dataclasses.asdict(info)
    try:
        check_info(fields, "model.info")
        require_finite(tensors)
    except InputError as error:
        raise InputError(f"{path} is not written: {error}", error.argument) from error
    metadata = {"format": FORMAT, "version": str(VERSION), "info": json.dumps(fields)}
    with replacing(path, recorded, durable=True) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)


def read_header(path: str | os.PathLike[str]) -> Header:
    """Returns what :func:`write_checkpoint` wrote, without the values of the tensors.

    Raises:
        InputError: the file is missing, is not a safetensors file, or was not written by encnet; or its metadata do not
            follow :mod:`encnet.model.schema`.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no checkpoint {path}; give the path of a .safetensors file that encnet wrote")
    with _opened(path) as file:
        info = _info(path, file.metadata() or {})
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        types = {
            name: TensorType(tuple(part.get_shape()), part.get_dtype().startswith(("F", "BF")))
            for name, part in slices.items()
        }
        return Header(info, types)


def read_tensors(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Returns the tensors that :func:`write_checkpoint` wrote.

    Raises:
        InputError: the file is not a safetensors file, or a weight is not finite.
    """
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    try:
        require_finite(tensors)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return tensors


def require_finite(tensors: Mapping[str, Tensor]) -> None:
    """Refuses weights that are NaN or infinite, and negative variances of batch norms, which give NaN.

    Raises:
        InputError: a tensor holds such a value.
    """
    for name, tensor in tensors.items():
        finite = not tensor.is_floating_point() or bool(tensor.isfinite().all())
        if not finite or (name.endswith("running_var") and bool((tensor < 0).any())):
            kind = "negative variances" if finite else "values that are not finite"
            raise InputError(
                f"the tensor {shortened(name)} has {kind}, as after a training that diverged; take an earlier"
                " checkpoint, or train with a lower learning rate"
            )


@contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Opens a safetensors file, which maps it into memory and checks its header.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except InputError:
        raise
    except Exception as error:  # for a damaged header it also raises KeyError, TypeError and AttributeError
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
        version = shortened(str(metadata.get("version")), 40)
        raise InputError(f"{path} has checkpoint version {version}, but this encnet reads {VERSION}; update encnet")
    try:
        return ModelInfo.of(json.loads(metadata["info"]))
    except InputError as error:
        raise InputError(f"{path} has damaged metadata: {error}") from error
    except (KeyError, ValueError, RecursionError) as error:
        raise InputError(f"{path} has damaged metadata ({first_line(error)}); save the checkpoint again") from error
