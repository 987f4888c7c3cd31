"""How a run starts: initial weights from the checkpoint of another run, and the normalisation of its images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from encnet.checkpoint.encnet import EncNet
from encnet.checkpoint.loading import load
from encnet.model.options import ModelOptions
from encnet.model.pretrained import with_input_channels
from encnet.system.errors import InputError
from encnet.training.config import TrainConfig


def start_from(
    checkpoint: str | os.PathLike[str],
    num_classes: int,
    changes: Mapping[str, Any],
    inputs: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[EncNet, list[str]]:
    """Builds the network of a checkpoint for ``num_classes`` classes, and loads every weight that fits.

    Args:
        checkpoint: path or hub identifier, as for ``encnet.load``.
        num_classes: number of classes; if the checkpoint has another number, the classifiers are initialised anew.
        changes: model options that replace those of the checkpoint.
        inputs: in_channels, mean and std for the images; they replace those of the checkpoint if it takes another
            number of bands. The first convolution of RGB weights is then adapted, as timm does.

    Returns:
        The model, in training mode, with the normalisation of the checkpoint unless the bands differ; and the names of
        the tensors that are initialised anew.

    Raises:
        InputError: the checkpoint cannot be read, or the options change its backbone.
    """
    source = load(checkpoint)
    info = source.info
    normalisation = {"mean": tuple(info.mean), "std": tuple(info.std)}
    options = {name: value for name, value in info.options.items() if name != "num_classes"}
    if inputs.get("in_channels", len(info.mean)) == len(info.mean):
        inputs = {}
    options = ModelOptions.of({**options, **normalisation, **changes, **inputs}, info.variant)
    model = EncNet.from_options(options, num_classes, variant=info.variant)
    state = model.state_dict()
    fitting = {
        name: tensor
        for name, tensor in with_input_channels(source.state_dict(), state).items()
        if name in state and state[name].shape == tensor.shape
    }
    anew = [name for name in state if name not in fitting]
    if any(name.startswith("backbone.") for name in anew):
        raise InputError(
            f"{checkpoint} has the backbone {info.options['backbone']}, which the settings change to another; leave "
            "out model.backbone, or start without initial",
            argument="model.backbone",
        )
    model.load_state_dict(fitting, strict=False)
    return model, anew


def normalisation_line(model: EncNet, config: TrainConfig) -> str:
    """Returns the line that says mean and standard deviation of the input of a new run, and where they come from."""
    expected = model.backbone.normalisation.for_channels(len(model.info.mean)).source
    default, parts = f"from {config.initial or expected}", []
    for name, values in (("mean", model.info.mean), ("std", model.info.std)):
        source = default if getattr(config.model, name) is None else f"set by model.{name}"
        parts.append((f"{name} {' '.join(f'{value:.4g}' for value in values)}", source))
    (mean, mean_source), (std, std_source) = parts
    if mean_source == std_source:
        return f"normalisation: {mean}, {std} ({mean_source})"
    return f"normalisation: {mean} ({mean_source}), {std} ({std_source})"
