"""Protocols: how a model is run over images and scored, by name or setting by setting."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from encnet.inference.protocols.ranges import CHOICES, RANGES, Name
from encnet.inference.protocols.tile_grid import ALIGNMENT
from encnet.model.info import ModelInfo
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.rules import check_fields

_OF_THE_MODEL = ("crop", "long_side", "short_side")  # fields that depend on the model, not on the protocol
TILE: tuple[int, int] = (1024, 1024)
"""Default height and width in pixels of shared-context tiles."""


@dataclass(frozen=True)
class Protocol:
    """How a model is run over an image, and how its predictions are averaged; a name stands for all settings.

    The names are `plain` (the default: the network once over the whole image), `tiled` (the same for images of any
    size, in shared-context tiles), `mmseg`, `mmseg-ms`, `mmseg-slide`, `pytorch-encoding` and
    `pytorch-encoding-single`. A setting that is given beside a name replaces that of the name: `mmseg-ms` with
    `flip=False`, for example.
    """

    mode: Literal["whole", "sliding", "tiled"] = "whole"
    """Run the network over the whole image; over sliding windows, each a separate image with its own context; or over
    tiles that share the context of the whole image, with scores that are blended where tiles overlap."""
    crop: tuple[int, int] | None = None
    """Height and width of windows or tiles in pixels; none is the crop of the model's training, or in tiled mode 1024 x
    1024. In tiled mode multiples of 32; an image no larger than a tile is seen as a whole."""
    stride: float = 2 / 3
    """Distance between sliding windows, as a fraction of the crop, above 0 and at most 1; pixels are rounded down."""
    edge: Literal["shift", "pad"] = "shift"
    """The last sliding window: shifted back to end where the image ends, and shrunk to a smaller image
    (MMSegmentation); or padded with black, which counts as context (PyTorch-Encoding)."""
    margin: int = 128
    """In tiled mode, width in pixels of the border of a tile that does not count as context, because it lies in the
    middle of another tile; a multiple of 32, below half a tile. Tiles overlap by at least two margins."""
    fill: bool = True
    """Fill what the network sees, an image or a part or version of it, with copies of its last row and column to a size
    that fits the strides of the network, so that class scores match their pixels. Older code bases stretch the scores
    instead."""
    scales: tuple[float, ...] = (1.0,)
    """Scales of the image, relative to its size at scale 1, over which predictions are averaged."""
    flip: bool = False
    """Average with the prediction of the mirror image."""
    average: Literal["softmax", "exp"] = "softmax"
    """What is averaged: probabilities of the image and of the mirror image, from logits that are averaged over windows
    (MMSegmentation); or the exponential of logits, summed over a window and its mirror image (PyTorch-Encoding)."""
    long_side: int | None = None
    """Length in pixels of the long side at scale 1; none is the length that the model asks for, or the image's own."""
    short_side: int | None = None
    """Length in pixels of the short side at scale 1; if long_side is given too, the image is as large as fits both."""
    resize: Literal["antialias", "bilinear", "model"] = "antialias"
    """How scaled images are interpolated: bilinear with antialiasing, bilinear without (MMSegmentation), or bilinear
    with the align_corners of the model (PyTorch-Encoding)."""
    absent_classes: Literal["leave_out", "zero"] = "leave_out"
    """How a class that occurs in no truth and no prediction counts in the mean IoU: not at all (MMSegmentation), or
    with an IoU of 0 (PyTorch-Encoding)."""

    name: Name = "plain"
    """The protocol that these settings are, or differ from; as an argument, it sets all of them."""

    def __post_init__(self) -> None:
        for field, values in CHOICES.items():
            value = getattr(self, field)
            require(value in values, f"protocol.{field}", value, f"one of {', '.join(values)}")
        check_fields(vars(self), RANGES, "protocol")
        if self.mode == "tiled":
            self._require_tiles()

    def _require_tiles(self) -> None:
        """Checks the further requirements of tiled mode."""
        tile = self.crop or TILE
        aligned = f"a multiple of {ALIGNMENT} in tiled mode"
        require(all(side % ALIGNMENT == 0 for side in tile), "protocol.crop", self.crop, aligned)
        require(self.margin % ALIGNMENT == 0, "protocol.margin", self.margin, aligned)
        half = f"below half a tile, which is {min(tile)} long"
        require(2 * self.margin < min(tile), "protocol.margin", self.margin, half)
        for name in ("scales", "flip", "average", "long_side", "short_side"):
            value, default = getattr(self, name), type(self).__dataclass_fields__[name].default
            require(value == default, f"protocol.{name}", value, f"{default} in tiled mode, as in the protocol plain")

    @property
    def changed(self) -> tuple[str, ...]:
        """Fields that differ from the protocol of this name, except crop and sides, which depend on the model."""
        named = NAMED[self.name]
        names = (field.name for field in fields(self) if field.name not in _OF_THE_MODEL)
        return tuple(name for name in names if getattr(self, name) != getattr(named, name))

    @property
    def steps(self) -> tuple[int, int] | None:
        """Distances in pixels between sliding windows, along rows and columns; None without a crop."""
        if self.crop is None:
            return None
        # The constant handles fractions such as 513 / 769, whose product with the crop can be just below an integer.
        return max(1, int(self.crop[0] * self.stride + 1e-6)), max(1, int(self.crop[1] * self.stride + 1e-6))

    @property
    def single_pass(self) -> bool:
        """Whether the network sees each image once, as a whole, and nothing is averaged; any engine can do that."""
        resized = (self.long_side, self.short_side, self.scales) != (None, None, (1.0,))
        return self.mode == "whole" and self.average == "softmax" and not (resized or self.flip)

    @property
    def once(self) -> bool:
        """Whether the network sees each place of an image once: whole, or in shared-context tiles."""
        return self.single_pass or self.mode == "tiled"

    def for_model(self, info: ModelInfo) -> Protocol:
        """The protocol completed for a model: the crop is that of the training, or :data:`TILE` in tiled mode.

        The protocols of PyTorch-Encoding also need the length of the long side at scale 1, its "base size": that of the
        training, ``data.base_size``, or else the length to which the images of the model are resized anyway.

        Raises:
            InputError: a value is needed that the checkpoint does not contain.
        """
        if self.mode == "tiled":
            return replace(self, crop=self.crop or TILE)
        crop, long_side = self.crop, self.long_side
        if self.mode == "sliding" and crop is None:
            trained = info.training.get("crop")
            if not isinstance(trained, list) or len(trained) != 2:
                raise InputError(
                    "protocol.crop is None, and the checkpoint does not contain the crop of its training; give it"
                    " (480 x 480 is the default of PyTorch-Encoding)",
                    "protocol.crop",
                )
            crop = (int(trained[0]), int(trained[1]))
        if long_side is None and self.short_side is None and self.name.startswith("pytorch-encoding"):
            trained = info.training.get("base_size") if info.training.get("base_side", "long") == "long" else None
            long_side = trained or info.long_side
            if long_side is None:
                raise InputError(
                    "protocol.long_side is None, and the checkpoint does not contain the base size of its training;"
                    " give it (520 is the default of PyTorch-Encoding)",
                    "protocol.long_side",
                )
        return replace(self, crop=crop, long_side=long_side)

    def size(self, height: int, width: int, scale: float) -> tuple[int, int]:
        """Height and width of an image at a scale, in pixels; fractions are rounded, halves up.

        With ``long_side`` L alone the long side is ⌈L · scale⌉ and the short one in proportion, as in PyTorch-Encoding.
        Otherwise, as in MMSegmentation, the image is as large as fits a long and a short side: ``long_side`` and
        ``short_side``, or the sides of the image if both are None, each times the scale and rounded.
        """
        long, short = max(height, width), min(height, width)
        if self.long_side is not None and self.short_side is None:
            target, source = math.ceil(self.long_side * scale), long
        elif self.short_side is not None and self.long_side is None:
            target, source = _rounded(self.short_side * scale), short
        else:
            sides = (long, short) if self.short_side is None else (self.long_side or long, self.short_side)
            target, source = min(_rounded(sides[0] * scale) / long, _rounded(sides[1] * scale) / short), 1
        return max(1, _rounded(height * target / source)), max(1, _rounded(width * target / source))

    def describe(self) -> str:
        """The protocol in one line."""
        changed = f" (changed: {', '.join(self.changed)})" if self.changed else ""
        windows = "windows of the size of the training crops"
        if self.crop is not None and self.steps is not None:
            windows = f"windows of {self.crop[0]} x {self.crop[1]}, {self.steps[0]} x {self.steps[1]} pixels apart"
        if self.mode == "tiled":
            rows, columns = self.crop or TILE
            return f"{self.name}{changed}: tiles of {rows} x {columns} with margins of {self.margin}, one context"
        parts = [windows + " (padded)" * (self.edge == "pad") if self.mode == "sliding" else "whole images"]
        parts.append("scale" + "s" * (len(self.scales) > 1) + " " + ", ".join(f"{scale:g}" for scale in self.scales))
        parts += [
            f"{name} side {side}" for name, side in (("long", self.long_side), ("short", self.short_side)) if side
        ]
        parts += ["with mirror images"] * self.flip
        parts += ["average of exp(logits)"] * (self.average == "exp")
        parts += [{"bilinear": "bilinear", "model": "bilinear as in the model"}.get(self.resize, "")]
        parts += ["absent classes count as IoU 0"] * (self.absent_classes == "zero")
        return f"{self.name}{changed}: " + "; ".join(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """The name, ``changed`` and all settings as JSON types."""
        settings = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        return {"name": settings.pop("name"), "changed": list(self.changed), **settings}


def _rounded(length: float) -> int:
    return int(length + 0.5)


_SIX_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)

_NAMED = (
    Protocol(),
    Protocol(name="tiled", mode="tiled"),
    # MMSegmentation 1.2 with `mode="whole"`, resized by OpenCV's bilinear interpolation; long_side and short_side are
    # its `scale`, for example 2048 and 512 for ADE20K.
    Protocol(name="mmseg", resize="bilinear", fill=False),
    # ... with `--tta`: each scale relative to the image's own size, softmax averaged over scales and orientations.
    Protocol(name="mmseg-ms", resize="bilinear", scales=_SIX_SCALES, flip=True, fill=False),
    # ... with `mode="slide"`: logits averaged over windows. This stride gives 513 of 769, 341 of 512 and 320 of 480.
    Protocol(name="mmseg-slide", mode="sliding", stride=513 / 769, resize="bilinear", fill=False),
    # PyTorch-Encoding's MultiEvalModule: its long side, padded windows at strides of int(crop * 2 / 3), and in each
    # window exp(logits + logits of the mirror image), averaged over windows and summed over scales. Its test script
    # uses the scales 0.75 to 2.25 for Cityscapes.
    Protocol(
        name="pytorch-encoding",
        fill=False,
        mode="sliding",
        edge="pad",
        scales=_SIX_SCALES,
        flip=True,
        average="exp",
        resize="model",
        absent_classes="zero",
    ),
    # ... with one scale and without mirror images.
    Protocol(
        "sliding",
        edge="pad",
        fill=False,
        average="exp",
        resize="model",
        absent_classes="zero",
        name="pytorch-encoding-single",
    ),
)
NAMED: dict[str, Protocol] = {protocol.name: protocol for protocol in _NAMED}
"""The named protocols."""


def named_protocol(name: str) -> Protocol:
    """The protocol with a name; ``dataclasses.replace`` changes its settings.

    Raises:
        InputError: no protocol has this name.
    """
    if name not in NAMED:
        raise InputError(f"there is no protocol {name!r}; choose one of {', '.join(NAMED)}", "protocol")
    return NAMED[name]
