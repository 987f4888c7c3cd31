"""Windows of rasters are trained on and predicted at their own resolution: a pixel has a size in metres."""

from __future__ import annotations

import dataclasses

from encnet.data.dataset import DatasetIndex
from encnet.data.geo.window import Window
from encnet.training.config import TrainConfig


def at_own_resolution(config: TrainConfig, index: DatasetIndex) -> tuple[TrainConfig, DatasetIndex]:
    """Settings without a size that images are resized to, if the data set consists of windows of rasters.

    Prediction reads rasters at their own resolution, and windows at the border are smaller than the others: resized to
    one length, the same field would be larger there.

    Returns:
        The settings; and the data set, with a note about the settings that have no effect on it.
    """
    windows = any(isinstance(sample.image, Window) for samples in index.splits.values() for sample in samples)
    unused = [name for name in ("long_side", "base_size") if getattr(config.data, name) is not None]
    if not windows or not unused:
        return config, index
    data = dataclasses.replace(config.data, long_side=None, base_size=None)
    named = " and ".join(f"data.{name} {getattr(config.data, name)}" for name in unused)
    note = f"windows of rasters keep their own resolution, and are not resized: {named} is not used"
    return dataclasses.replace(config, data=data), dataclasses.replace(index, notes=(*index.notes, note))
