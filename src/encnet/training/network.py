"""The network of a run, built from its settings for the classes and bands of its data set."""

from __future__ import annotations

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.data.dataset import DatasetIndex
from encnet.system.errors import InputError
from encnet.training.bands import input_options, require_channels
from encnet.training.config import TrainConfig
from encnet.training.initial import start_from


def build_model(index: DatasetIndex, config: TrainConfig) -> tuple[EncNet, list[str]]:
    """Builds the network of a run.

    Args:
        index: the data set, for its classes.
        config: all settings.

    Returns:
        The network, and the names of the tensors that ``config.initial`` has no weights for.

    Raises:
        InputError: a setting of the model does not fit, or the network does not take the bands of the data set.
    """
    classes, changes, anew = index.labels.num_classes, config.model.changes(), []
    inputs = input_options(index, config)
    if config.initial:
        model, anew = start_from(config.initial, classes, changes, inputs)
    else:
        model = create_model(config.model.variant, classes, pretrained=config.model.pretrained, **{**changes, **inputs})
    frozen = config.optimizer.frozen_stages
    if frozen and not (config.initial or config.model.pretrained):
        raise InputError(
            f"optimizer.frozen_stages is {frozen}, but the backbone starts from random weights, which would never "
            "change; set model.pretrained or initial, or frozen_stages to 0",
            argument="optimizer.frozen_stages",
        )
    require_channels(len(model.info.mean), index)
    model.info.source = index.source.to_dict()
    model.info.classes = list(index.labels.names)
    model.info.palette = [list(color) for color in index.labels.palette]
    model.info.long_side = config.data.long_side
    if config.model.scale_context and model.head.context is None:
        raise InputError(
            "model.scale_context is true, but the model has no context encoding; set model.context too",
            argument="model.scale_context",
        )
    model.info.context_pixels = model.context_pixels(*config.data.crop) if config.model.scale_context else None
    model.info.training = {
        "dataset": index.name,
        "crop": list(config.data.crop),
        "base_size": config.data.base_size,
        "base_side": config.data.base_side,
        "seed": config.seed,
    }
    return model, anew
