"""Reads PaddlePaddle's parameter files, `.pdparams`: pickled names and arrays, without executing anything."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from encnet.system.errors import InputError

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
        array = value[1] if isinstance(value, tuple) and len(value) == 2 else value  # (name in the graph, array)
        if not isinstance(name, str) or not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
            held = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
            raise InputError(
                f"{path} holds {held} under {name!r} instead of an array of numbers; save model.state_dict() alone"
            )
        tensors[name] = torch.from_numpy(np.array(array))  # a copy: arrays in a pickle can be read-only
    return tensors


def _unpickle(path: str | os.PathLike[str]) -> object:
    if not Path(path).is_file():
        raise InputError(f"there is no file {path}; give the path of a .pdparams file")
    try:
        with Path(path).open("rb") as file:
            return _ArrayUnpickler(file, path).load()
    except InputError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise InputError(
            f"{path} cannot be read as a .pdparams file ({type(error).__name__}); copy it again from where it came from"
        ) from error


class _ArrayUnpickler(pickle.Unpickler):
    """Builds arrays and containers; refuses everything else that a pickle may ask for, and names it."""

    def __init__(self, file: Any, path: str | os.PathLike[str]) -> None:
        super().__init__(file, encoding="latin1")  # the encoding in which Python 2 wrote the bytes of arrays
        self._path = path

    def find_class(self, module_name: str, global_name: str) -> Any:
        module = module_name.replace("numpy._core.", "numpy.core.").replace("__builtin__", "builtins")
        if (module, global_name) not in _ALLOWED:
            raise InputError(
                f"{self._path} asks for {module_name}.{global_name}, which can execute code, so it was not opened; get "
                "a file that holds arrays only, as paddle.save(model.state_dict(), path) writes it"
            )
        return _ALLOWED[module, global_name]


def _latin1(text: str, encoding: str) -> bytes:
    """The function that pickles of protocol 2 call to make bytes from text."""
    if encoding not in ("latin1", "latin-1"):
        raise InputError(f"a pickle that stores bytes as {encoding!r} text was not opened; Python writes latin1")
    return text.encode("latin1")


def _variable(expression: str, variables: dict[str, np.ndarray]) -> np.ndarray:
    """Replaces eval("data", {"data": array}), the form in which Paddle writes tensors of static graphs."""
    if expression != "data":
        raise InputError(
            f"a pickle that evaluates {expression[:60]!r} was not opened; get a file that holds arrays only"
        )
    return variables["data"]


# The functions with which NumPy's arrays and scalars pickle themselves. Their module depends on NumPy's version.
_ARRAY: Any = np.zeros(0).__reduce__()[0]
_SCALAR: Any = np.float32(0).__reduce__()[0]

_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _ARRAY,
    ("numpy.core.multiarray", "scalar"): _SCALAR,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "tuple"): tuple,
    ("builtins", "eval"): _variable,
    ("_codecs", "encode"): _latin1,
}
