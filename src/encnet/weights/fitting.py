"""Fits the tensors of a file into a network: each has its place, and each place its tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from encnet.system.errors import InputError
from encnet.system.text import counted, shortened
from encnet.weights.sources import ForeignFile


class MisfitError(InputError):
    """The tensors of a file do not fit the network.

    Args:
        message: the sentence for the user.
        tensors: one line per tensor that does not fit: name, shape and reason.
    """

    def __init__(self, message: str, tensors: Sequence[str]) -> None:
        super().__init__(message)
        self.tensors: Sequence[str] = tensors
        """One line per tensor that does not fit: name, shape and reason."""


def load_tensors(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copies tensors into a network that they fit."""
    places = network.state_dict()
    with torch.no_grad():
        for name, tensor in tensors.items():
            places[name].copy_(tensor)


def require_fit(
    file: ForeignFile, network: nn.Module, tensors: Mapping[str, Tensor], unknown: Mapping[str, Tensor]
) -> None:
    """Refuses tensors that are not those of a network.

    Args:
        file: the file, for the message.
        network: the network; its tensors may be on the meta device, as only shapes are compared.
        tensors: name in the network -> tensor.
        unknown: name in the file -> tensor that has no name in the network.

    Raises:
        MisfitError: tensors are left over, missing, or have another shape.
    """
    places = network.state_dict()
    left_over = {**unknown, **{name: tensor for name, tensor in tensors.items() if name not in places}}
    lines = [
        f"{shortened(name)} {tuple(tensor.shape)}: the network has no place for it"
        for name, tensor in left_over.items()
    ]
    for name, place in places.items():
        if name not in tensors and not name.endswith("num_batches_tracked"):  # PyTorch before 0.4.1 had none
            lines.append(f"{name} {tuple(place.shape)}: not in the file")
        elif name in tensors and tensors[name].shape != place.shape:
            lines.append(f"{name} {tuple(place.shape)}: has the shape {tuple(tensors[name].shape)} in the file")
    if lines:
        raise MisfitError(
            f"{file.path} does not fit: left over, missing or of another shape: {counted(len(lines), 'tensor')}, the"
            f" first one {lines[0]}; convert the state dict of a whole, unchanged network",
            lines,
        )
