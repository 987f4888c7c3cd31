"""Reads files of other code bases without executing the code that a pickle can hold."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor
from torch.serialization import safe_globals

from encnet.checkpoint.format import FORMAT
from encnet.system.archives import require_uncompressed
from encnet.system.errors import InputError, first_line
from encnet.system.text import quoted, shortened
from encnet.weights.pdparams import read_pdparams
from encnet.weights.sources import ForeignFile

STATE_DICT_KEYS: tuple[str, ...] = ("state_dict", "model_state_dict", "model")
"""Entries under which training scripts store the state dict."""

_WRAPPER = "module."
"""Prefix that DataParallel adds to every tensor name."""


class _Inert:
    """Replaces an object that is not needed: accepts any arguments and state, keeps nothing and calls nothing."""

    def __new__(cls, *_: Any, **__: Any) -> _Inert:
        return super().__new__(cls)

    def __setstate__(self, _: object) -> None:
        pass


_REPLACED = (
    # Scores and losses that trainers store as NumPy numbers.
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    "numpy.ndarray",
    "numpy.dtype",
    # MMEngine's log of losses, and the function with which it pickles the methods of that log.
    "mmengine.logging.history_buffer.HistoryBuffer",
    "builtins.getattr",
)
"""Objects that checkpoints are known to hold beside tensors. An _Inert replaces each; none is imported or called."""


def read_foreign(path: str | os.PathLike[str]) -> ForeignFile:
    """State dict and metadata of a checkpoint: a PyTorch file of any age, safetensors, or PaddlePaddle's .pdparams.

    PyTorch's restricted reader opens pickled files; it builds only tensors and containers. A few classes that training
    scripts are known to add become objects that do nothing. A file that asks for anything else is refused.

    Raises:
        InputError: the file is missing or damaged, would execute code, holds no state dict, or is one of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no checkpoint file {path}; correct the path")
    if path.suffix == ".pdparams":
        return ForeignFile(path, read_pdparams(path))
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    require_uncompressed(path)
    content = _unpickle(path)
    state = _state_dict(content)
    if state is None:
        raise InputError(f"{path} holds no state dict; save model.state_dict(), names and tensors, and convert that")
    for name, tensor in state.items():
        _require_stored(path, name, tensor)
    meta = content.get("meta")
    return ForeignFile(path, _unwrapped(state), meta if isinstance(meta, dict) else {})


def _read_safetensors(path: Path) -> ForeignFile:
    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
            if meta.get("format") == FORMAT:
                raise InputError(f"{path} is already a checkpoint of encnet; use it as it is")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except InputError:
        raise
    except Exception as error:  # for a damaged header it also raises KeyError, TypeError and AttributeError
        raise InputError(f"{path} is not a readable safetensors file ({first_line(error)}); copy it again") from error
    return ForeignFile(path, _unwrapped(tensors), meta)


def _unpickle(path: Path) -> Any:
    try:
        with safe_globals([(_Inert, name) for name in _REPLACED]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old storage classes, and TorchScript, which is then refused
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle can raise nearly anything
        wanted = re.search(r"(?:Unsupported global:|unsupported) GLOBAL (\S+)", str(error))
        reason = f"asks for {shortened(wanted[1], 100)}" if wanted else "holds more than names and tensors"
        if wanted or isinstance(error, UnpicklingError):
            raise InputError(
                f"{path} {reason}, which can execute code, so it was not opened; if you trust it, open it with "
                "the code that wrote it and save only the weights: safetensors.torch.save_file(model.state_dict(), "
                "'weights.safetensors')"
            ) from error
        raise InputError(
            f"{path} cannot be read as a PyTorch checkpoint ({type(error).__name__}); copy it again, or save its "
            "state dict with safetensors"
        ) from error


def _state_dict(content: Any) -> Mapping[str, Tensor] | None:
    if not isinstance(content, dict):
        return None
    for candidate in (content, *(content.get(key) for key in STATE_DICT_KEYS)):
        if isinstance(candidate, dict) and candidate and all(_is_entry(*entry) for entry in candidate.items()):
            return candidate
    return None


def _is_entry(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, Tensor)


def _require_stored(path: Path, name: str, tensor: Tensor) -> None:
    """Refuses a tensor that has no values, or more than the file stores: a view that repeats one value without end.

    Raises:
        InputError: it is such a tensor.
    """
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    if not plain or not tensor.numel() or tensor.nbytes > tensor.untyped_storage().nbytes() or tensor.is_complex():
        raise InputError(
            f"{path} holds a tensor under {quoted(name)} that is not stored as plain numbers; save model.state_dict()"
            " of a network in float32 on the CPU"
        )


def _unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    while state and all(name.startswith(_WRAPPER) for name in state):
        state = {name.removeprefix(_WRAPPER): tensor for name, tensor in state.items()}
    return dict(state)
