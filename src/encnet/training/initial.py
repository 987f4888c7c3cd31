"""A run that starts from another one's checkpoint, on the same classes or on others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from encnet.errors import InputError
from encnet.model.build import build_encnet
from encnet.model.encnet import EncNet
from encnet.model.loading import load


def start_from(
    checkpoint: str | os.PathLike[str], num_classes: int, options: Mapping[str, Any]
) -> tuple[EncNet, list[str]]:
    """The network of a checkpoint for ``num_classes``, with every weight of the checkpoint that fits.

    Args:
        checkpoint: as ``encnet.load`` takes it.
        num_classes: number of classes; where it differs from the checkpoint's, the classifiers start anew.
        options: arguments of ``build_encnet`` that replace the checkpoint's.

    Returns:
        The model, in training mode, normalising images as the checkpoint does; the names of the tensors that start
        anew.

    Raises:
        InputError: the checkpoint cannot be read, or the options change its backbone.
    """
    source = load(checkpoint)
    info = source.info
    changed = {name: value for name, value in options.items() if name != "pretrained"} | {"num_classes": num_classes}
    model = build_encnet(
        **{**info.options, **changed}, mean=tuple(info.mean), std=tuple(info.std), variant=info.variant
    )
    wanted = model.state_dict()
    fitting = {
        name: tensor
        for name, tensor in source.state_dict().items()
        if name in wanted and wanted[name].shape == tensor.shape
    }
    anew = [name for name in wanted if name not in fitting]
    if any(name.startswith("backbone.") for name in anew):
        raise InputError(
            f"{checkpoint} has the backbone {info.options['backbone']}, which the settings change to another; leave "
            "out model.backbone, or start without `initial`"
        )
    model.load_state_dict(fitting, strict=False)
    return model, anew
