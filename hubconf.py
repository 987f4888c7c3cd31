"""Entry points of torch.hub: every variant by its name, and ``encnet`` for a checkpoint.

    torch.hub.load(repository, "encnet_resnet50", num_classes=19)    # a network to be trained
    torch.hub.load(repository, "encnet", "owner/name")               # a trained network from the Hugging Face hub

``repository`` is "owner/name" on GitHub, or a folder together with ``source="local"``.
"""

from __future__ import annotations

import os as _os
import sys as _sys
from pathlib import Path as _Path
from typing import TYPE_CHECKING as _TYPE_CHECKING

# Use the package beside this file even if another one is installed; torch.hub removes its own entry from the path.
_sys.path.insert(0, str(_Path(__file__).resolve().parent / "src"))

from encnet.checkpoint.create import create_model as _create_model
from encnet.checkpoint.loading import load as _load
from encnet.model.variants import VARIANTS as _VARIANTS

if _TYPE_CHECKING:
    from collections.abc import Callable as _Callable
    from typing import Any as _Any

    from encnet.checkpoint.encnet import EncNet as _EncNet

dependencies = ["torch", "timm", "safetensors", "huggingface_hub", "yaml"]


def _entry(variant: str) -> _Callable[..., _EncNet]:
    def build(num_classes: int, **options: _Any) -> _EncNet:
        return _create_model(variant, num_classes, **options)

    build.__name__, build.__doc__ = variant, _VARIANTS[variant].__doc__
    return build


globals().update({_variant: _entry(_variant) for _variant in _VARIANTS})


def encnet(source: str | _os.PathLike[str]) -> _EncNet:
    """Loads a checkpoint, as a model in eval mode, from a file, a folder, or "owner/name" on the Hugging Face hub."""
    return _load(source)
