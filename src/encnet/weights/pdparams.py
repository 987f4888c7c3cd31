"""Reads PaddlePaddle's parameter files, `.pdparams`: pickled names and arrays, without executing anything."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from encnet.system.errors import InputError
from encnet.system.text import quoted
from encnet.weights.array_pickle import ArrayUnpickler, SizedFile, StoredArray, refuse_far_numbers

_NAME_TABLE = "StructuredToParameterName@@"
"""Entry that Paddle adds: the name of each parameter in its graph. It is not needed here."""

_STATE_DICT_KEYS = ("model", "state_dict")
"""Entries under which training scripts store the state dict when they save more than that."""


def read_pdparams(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Names and tensors of a file that ``paddle.save(layer.state_dict(), path)`` wrote, in Paddle's layout.

    It reads every form that Paddle 2 and 3 have written: plain arrays, (name, array) pairs, tensors of static graphs,
    pickle protocols 2 to 4, a state dict beside other entries.

    Raises:
        InputError: the file is missing or damaged, would execute code, or holds something other than named arrays.
    """
    content = _unpickle(path)
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__}, not a state dict; save model.state_dict() alone")
    tensors: dict[str, Tensor] = {}
    state = next((content[key] for key in _STATE_DICT_KEYS if isinstance(content.get(key), dict)), content)
    for name, value in state.items():
        if name == _NAME_TABLE:
            continue
        stored = value[1] if isinstance(value, tuple) and len(value) == 2 else value  # (name in the graph, array)
        array = stored.array if isinstance(stored, StoredArray) else None
        if not isinstance(name, str) or array is None or array.dtype.kind not in "fiu" or not array.size:
            kind = type(stored).__name__.lstrip("_")
            held = f"a {kind}" if array is None else f"an array of {array.dtype}"
            raise InputError(
                f"{path} holds {held} under {quoted(name)} instead of an array of numbers; save model.state_dict()"
                " alone"
            )
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        tensors[name] = torch.from_numpy(native)
    return tensors


def _unpickle(path: str | os.PathLike[str]) -> object:
    if not Path(path).is_file():
        raise InputError(f"there is no file {path}; give the path of a .pdparams file")
    try:
        with SizedFile(path) as file:
            refuse_far_numbers(file, path)
            file.seek(0)
            return ArrayUnpickler(file, path).load()
    except InputError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise InputError(
            f"{path} cannot be read as a .pdparams file ({type(error).__name__}); copy it again from where it came from"
        ) from error
