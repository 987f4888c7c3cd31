"""The input of a network for the bands of a data set: channels, mean and standard deviation."""

from __future__ import annotations

from typing import Any

from encnet.data.band_statistics import band_statistics
from encnet.data.dataset import DatasetIndex
from encnet.system.errors import InputError
from encnet.training.config import TrainConfig


def input_options(index: DatasetIndex, config: TrainConfig) -> dict[str, Any]:
    """The model options that follow from the photographs of a data set.

    8-bit photographs keep the mean and standard deviation of the backbone. Those of other files are measured on the
    training split, unless they are settings.

    Args:
        index: the data set; its source has no percentiles.
        config: all settings.

    Returns:
        in_channels, mean and std; nothing for 8-bit photographs.

    Raises:
        InputError: ``model.in_channels`` is not the number of bands.
    """
    channels, settings = index.source.channels, config.model
    if settings.in_channels not in (None, channels):
        raise _different("model.in_channels is", settings.in_channels, index, "model.in_channels")
    if index.source.is_default:
        return {}
    mean, std = settings.mean, settings.std
    if mean is None or std is None:
        measured = band_statistics(index, config.data.train)
        mean, std = mean or measured.mean, std or measured.std
    return {"in_channels": channels, "mean": tuple(mean), "std": tuple(std)}


def require_channels(channels: int, index: DatasetIndex) -> None:
    """Raises InputError if a network that takes images of ``channels`` bands does not fit the data set."""
    if channels != index.source.channels:
        raise _different("the network takes images of", channels, index, "initial")


def _different(subject: str, channels: int, index: DatasetIndex, argument: str) -> InputError:
    bands = index.source.channels
    reading = f"has {bands} bands in dataset.yaml" if index.source.bands else "is read as RGB photographs"
    return InputError(
        f"{subject} {channels}, but {index.root} {reading}; name {channels} bands in dataset.yaml, as"
        f" `bands: {list(range(1, channels + 1))}`, or leave the setting out",
        argument,
    )
