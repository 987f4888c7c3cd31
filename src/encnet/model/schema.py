"""The schema of a model's metadata: every field of a checkpoint, of an exported file and of the options, and its range.

The ranges are wide: they keep out what no network has, so that nothing is built or allocated for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.rules import (
    Rule,
    boolean,
    check_fields,
    integer,
    many,
    number,
    one_of,
    optional,
    plain_mapping,
    text,
)
from encnet.system.text import counted, quoted

MAX_CHANNELS: int = 65536
"""The most channels of a layer, and the most codewords."""
MAX_SIDE: int = 10**6
"""The longest side of an image, in pixels."""

_WIDTH = integer(1, MAX_CHANNELS)
_SIDE = integer(1, MAX_SIDE)

NUM_CLASSES: Rule = integer(1, 65535)
"""Number of classes of a network."""

OPTIONS: dict[str, Rule] = {
    "backbone": text(200),
    "backbone_options": optional(plain_mapping(entries=100, depth=3)),
    "output_stride": one_of(8, 16, 32),
    "backbone_dilations": optional(many(integer(1, 256), 0, 8)),
    "whole_stage_dilation": boolean(),
    "recompute_stages": integer(0, 4),
    "jpu": boolean(),
    "head": text(100),
    "head_channels": _WIDTH,
    "num_codes": _WIDTH,
    "conv_in_kernel": one_of(1, 3),
    "lateral": boolean(),
    "detail_channels": optional(many(_WIDTH, 0, 2)),
    "context": boolean(),
    "se": boolean(),
    "stage3_se": boolean(),
    "aux": boolean(),
    "aux_channels": _WIDTH,
    "dropout": number(0, 1, below=True),
    "align_corners": boolean(),
    "presence_loss": one_of("bce", "mse"),
    "in_channels": integer(1, 1024),
    "mean": optional(many(number(-1e6, 1e6), 1, 1024)),
    "std": optional(many(number(0, 1e6, above=True), 1, 1024)),
}
"""Option of :class:`encnet.model.options.ModelOptions` -> its rule."""

INFO: dict[str, Rule] = {
    "variant": text(200),
    "options": plain_mapping(entries=1000),
    "mean": many(number(-1e6, 1e6), 1, 1024),
    "std": many(number(0, 1e6, above=True), 1, 1024),
    "long_side": optional(_SIDE),
    "classes": many(text(10_000), 0, 65535),
    "palette": many(many(integer(0, 255), 3, 3), 0, 65535),
    "context_pixels": optional(integer(1, MAX_SIDE**2)),
    "presence_prior": number(-1e6, 1e6),
    "training": plain_mapping(),
    "multiple_of": optional(integer(1, 1024)),
    "source": plain_mapping(),
}
"""Field of :class:`encnet.model.info.ModelInfo` -> its rule."""

REQUIRED: tuple[str, ...] = ("variant", "options", "mean", "std")
"""The fields of a checkpoint's metadata that have no default."""

TRAINING: dict[str, Rule] = {
    "dataset": text(10_000),
    "crop": many(_SIDE, 2, 2),
    "base_size": optional(_SIDE),
    "base_side": one_of("long", "short"),
    "everywhere": many(text(10_000), 0, 65535),
}
"""Entry of the training's summary that is read again, for a protocol, a card or the page -> its rule."""

_PAIR = many(number(-1e300, 1e300), 2, 2)
SOURCE: dict[str, Rule] = {
    "bands": many(integer(1, 65535), 1, 1024),
    "value_range": Rule(
        "[low, high], or a list of such pairs",
        lambda value: _PAIR.holds(value) or many(_PAIR, 1, 1024).holds(value),
    ),
}
"""Entry of the image source (:class:`encnet.data.source.ImageSource`) -> its rule."""


def check_info(values: Any, place: str = "") -> None:
    """Checks the metadata of a model against the schema, before anything is built from it.

    Args:
        values: the content of the metadata as JSON types; anything, if it is damaged.
        place: dotted name of the metadata in the file, for messages.

    Raises:
        InputError: a field is missing, or has another type or range.
    """
    dot = f"{place}." if place else ""
    check_fields(values, INFO, place, REQUIRED)
    check_options(values["options"], f"{dot}options")
    check_fields(values.get("training", {}), TRAINING, f"{dot}training")
    check_fields(values.get("source", {}), SOURCE, f"{dot}source")
    mean, std = len(values["mean"]), len(values["std"])
    require(mean == std, f"{dot}std", quoted(values["std"]), f"as long as mean, which has {counted(mean, 'value')}")


def check_options(values: Any, place: str) -> None:
    """Checks the options of a network, and the number of classes beside them, against the schema.

    Raises:
        InputError: an option has another type or range.
    """
    old = {"num_classes": NUM_CLASSES, "full_resolution": boolean()}  # the latter by version 0.1
    check_fields(values, {**OPTIONS, **old}, place)


def check_classes(classes: Sequence[str], palette: Sequence[Sequence[int]], num_classes: int) -> None:
    """Checks that there is a name and a colour for each class, or none at all.

    Raises:
        InputError: there is another number of names or colours.
    """
    names, colors = len(classes), len(palette)
    if names not in (0, num_classes) or colors not in (0, num_classes):
        raise InputError(
            f"the model has {counted(num_classes, 'class')}, but {counted(names, 'class name')} and"
            f" {counted(colors, 'colour')};"
            " correct model.info.classes and model.info.palette"
        )
