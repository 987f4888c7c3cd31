"""Entry points of torch.hub: every variant by its name, and ``encnet`` for a checkpoint.

    torch.hub.load(repository, "encnet_resnet50", num_classes=19)    # a network to be trained
    torch.hub.load(repository, "encnet", "owner/name")               # a trained one, from the Hugging Face hub

``repository`` is "owner/name" on GitHub, or a folder together with ``source="local"``.
"""

from __future__ import annotations

import os as _os
import sys as _sys
from pathlib import Path as _Path
from typing import TYPE_CHECKING as _TYPE_CHECKING

# The package beside this file, not one that happens to be installed; torch.hub takes its own entry of the path away.
_sys.path.insert(0, str(_Path(__file__).resolve().parent / "src"))

from encnet.model.variants import VARIANTS as _VARIANTS

if _TYPE_CHECKING:
    from encnet.model.encnet import EncNet as _EncNet

dependencies = ["torch", "timm", "safetensors", "huggingface_hub", "yaml"]

globals().update(_VARIANTS)


def encnet(source: str | _os.PathLike[str]) -> _EncNet:
    """The model of a checkpoint, in eval mode: a file, a folder, or an id "owner/name" of the Hugging Face hub."""
    from encnet.model.loading import load

    return load(source)
