"""Whether the tensors of a file are those of the network that its metadata name, before memory is taken for either."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from encnet.checkpoint.format import TensorType
from encnet.model.network import Network
from encnet.model.options import ModelOptions
from encnet.system.errors import InputError
from encnet.system.text import counted, shortened

RANDOM = ("normal_", "uniform_", "trunc_normal_")
"""Methods of tensors, and functions of torch.nn.init, that draw random numbers."""


def require_fit(
    path: str | os.PathLike[str],
    held: Mapping[str, TensorType],
    options: ModelOptions,
    num_classes: int,
    variant: str,
) -> None:
    """Refuses a file whose tensors are not those of a network, by names, shapes and types.

    The network is built on PyTorch's device "meta", where tensors have shapes but no values: a file that names a
    network of a million gigabytes takes no memory.

    Args:
        path: path of the file, for the message.
        held: the tensors of the file, by its header.
        options: options of the network.
        num_classes: number of classes of the network.
        variant: name of the network, for the message.

    Raises:
        InputError: the tensors differ, or there is no network with these options.
    """
    wanted = network_tensors(path, options, num_classes)
    wrong = [name for name in {**wanted, **held} if held.get(name) != wanted.get(name)]
    if wrong:
        first = wrong[0]
        raise InputError(
            f"{path} does not fit the {shortened(variant, 60)} that it names: missing, left over, or of another"
            f" shape or type: {counted(len(wrong), 'tensor')}, the first one {shortened(first, 100)},"
            f" {_words(held.get(first))} in the file and {_words(wanted.get(first))} in the network; give the"
            " file as encnet wrote it"
        )


def network_tensors(path: str | os.PathLike[str], options: ModelOptions, num_classes: int) -> dict[str, TensorType]:
    """Returns name, shape and type of the tensors of a network, which is built without memory for them.

    Raises:
        InputError: there is no network with these options.
    """
    try:
        with torch.device("meta"), _NoInitialisation():
            network = Network.from_options(options, num_classes)
    except InputError as error:
        raise InputError(f"{path}: {error}", error.argument) from error
    except RuntimeError as error:  # a tensor of more bytes than 64 bits count
        raise InputError(f"{path} names a network that is too large to build; give another file") from error
    return {name: TensorType.of(tensor) for name, tensor in network.state_dict().items()}


class _NoInitialisation(TorchFunctionMode):
    """Draws no random numbers: on "meta" there is nothing to write them to, and PyTorch would import its compiler for
    their shape, which takes seconds."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.__name__ in RANDOM:
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


def _words(tensor: TensorType | None) -> str:
    if tensor is None:
        return "absent"
    return f"{list(tensor.shape)} {'of floats' if tensor.is_float else 'of integers'}"
