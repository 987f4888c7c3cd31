"""How a model is run over images and scored: by name, or number by number."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from encnet.errors import InputError
from encnet.inference.grid import ALIGNMENT
from encnet.model.info import ModelInfo

Name = Literal["plain", "tiled", "mmseg", "mmseg-ms", "mmseg-slide", "pytorch-encoding", "pytorch-encoding-single"]
_OF_THE_MODEL = ("crop", "long_side", "short_side")  # they differ between models, not between protocols

TILE = (1024, 1024)
"""Height and width in pixels of tiles with one context, where the protocol leaves them open."""


@dataclass(frozen=True)
class Protocol:
    """What is averaged into one prediction, number by number; `--protocol NAME` takes all numbers of a protocol.

    The names are `plain` (the default, the network once over the whole image), `tiled` (the same for images of any
    size, in tiles with one context), `mmseg`, `mmseg-ms`, `mmseg-slide`, `pytorch-encoding` and
    `pytorch-encoding-single`. Any number can be replaced beside a name: `--protocol mmseg-ms --protocol.flip false`.
    """

    mode: Literal["whole", "sliding", "tiled"] = "whole"
    """Run the network over the whole image; over overlapping tiles of it, each an image of its own; or over tiles that
    share the context of the whole image, with scores that are blended where tiles overlap."""
    crop: tuple[int, int] | None = None
    """Height and width of the tiles in pixels; none is the crop that the model was trained with, or in tiled mode 1024
    x 1024. In tiled mode multiples of 32, and an image no larger than a tile is seen as a whole."""
    stride: float = 2 / 3
    """Distance from tile to tile, as a fraction of the crop, above 0 and at most 1; pixels are rounded down."""
    edge: Literal["shift", "pad"] = "shift"
    """The last tile: moved back to end where the image ends, a smaller image being a smaller tile (MMSegmentation); or
    filled up with black, which counts as context (PyTorch-Encoding)."""
    margin: int = 128
    """In tiled mode, pixels at the borders of a tile that do not count as context, as they are the middle of another
    tile; a multiple of 32, below half a tile. Tiles overlap by two margins or more."""
    fill: bool = True
    """Where the network sees an image once: fill it up, by copies of its last row and column, to a size that fits the
    network's strides, so that class scores lie where their pixels are. Older code bases stretch the scores instead."""
    scales: tuple[float, ...] = (1.0,)
    """Sizes of the image, relative to that of scale 1, over which predictions are averaged."""
    flip: bool = False
    """Average with the prediction of the mirror image."""
    average: Literal["softmax", "exp"] = "softmax"
    """What is averaged: probabilities, after tiles averaged their logits, of the image and of the mirrored image
    (MMSegmentation); or the exponential of logits, those of a tile and of the mirrored tile added up before
    (PyTorch-Encoding)."""
    long_side: int | None = None
    """Length in pixels of the long side at scale 1; none is what the model was made for, or the image's own."""
    short_side: int | None = None
    """Length in pixels of the short side at scale 1; with long_side too, the image is as large as fits both."""
    resize: Literal["antialias", "bilinear", "model"] = "antialias"
    """How scaled images are made: smoothed before they shrink, bilinear without that (MMSegmentation), or bilinear with
    the model's own align_corners (PyTorch-Encoding)."""
    absent_classes: Literal["leave_out", "zero"] = "leave_out"
    """What the mean IoU makes of a class that neither truth nor prediction has in any image: nothing (MMSegmentation),
    or an IoU of 0 (PyTorch-Encoding)."""

    name: Name = "plain"
    """The protocol that these numbers are, or differ from; as an argument it takes all of its numbers."""

    def __post_init__(self) -> None:
        _require(self.name in get_args(Name), "name", self.name, f"one of {', '.join(get_args(Name))}")
        modes = ("whole", "sliding", "tiled")
        _require(self.mode in modes, "mode", self.mode, "'whole', 'sliding' or 'tiled'")
        _require(self.edge in ("shift", "pad"), "edge", self.edge, "'shift' or 'pad'")
        _require(self.average in ("softmax", "exp"), "average", self.average, "'softmax' or 'exp'")
        resizes = ("antialias", "bilinear", "model")
        _require(self.resize in resizes, "resize", self.resize, "'antialias', 'bilinear' or 'model'")
        absent = ("leave_out", "zero")
        _require(self.absent_classes in absent, "absent_classes", self.absent_classes, "'leave_out' or 'zero'")
        _require(self.crop is None or (len(self.crop) == 2 and min(self.crop) >= 1), "crop", self.crop, "positive")
        _require(0 < self.stride <= 1, "stride", self.stride, "above 0 and at most 1")
        _require(len(self.scales) > 0 and min(self.scales) > 0, "scales", self.scales, "one or more positive numbers")
        _require(self.long_side is None or self.long_side >= 1, "long_side", self.long_side, "at least 1")
        _require(self.short_side is None or self.short_side >= 1, "short_side", self.short_side, "at least 1")
        _require(self.margin >= 0, "margin", self.margin, "at least 0")
        if self.mode == "tiled":
            self._require_tiles()

    def _require_tiles(self) -> None:
        """What tiled mode asks for beyond that."""
        tile = self.crop or TILE
        aligned = f"a multiple of {ALIGNMENT} in tiled mode"
        _require(all(side % ALIGNMENT == 0 for side in tile), "crop", self.crop, aligned)
        _require(self.margin % ALIGNMENT == 0, "margin", self.margin, aligned)
        _require(2 * self.margin < min(tile), "margin", self.margin, f"below half a tile, which is {min(tile)} long")
        once = "left as it is in tiled mode, which sees the image once, at the size at which `plain` does"
        for name in ("scales", "flip", "average", "long_side", "short_side"):
            value = getattr(self, name)
            _require(value == type(self).__dataclass_fields__[name].default, name, value, once)

    @property
    def changed(self) -> tuple[str, ...]:
        """Fields that differ from those of the protocol of this name; crop and sides are the model's and never here."""
        named = NAMED[self.name]
        names = (field.name for field in fields(self) if field.name not in _OF_THE_MODEL)
        return tuple(name for name in names if getattr(self, name) != getattr(named, name))

    @property
    def steps(self) -> tuple[int, int] | None:
        """Rows and columns in pixels from tile to tile; None without a crop."""
        if self.crop is None:
            return None
        # The constant is for fractions such as 513 / 769, whose product with the crop may be just below the integer.
        rows, columns = (max(1, int(side * self.stride + 1e-6)) for side in self.crop)
        return rows, columns

    @property
    def single_pass(self) -> bool:
        """Whether the network sees each image once and whole, and nothing is averaged: what any engine can do."""
        resized = self.long_side is not None or self.short_side is not None or self.scales != (1.0,)
        return self.mode == "whole" and self.average == "softmax" and not (resized or self.flip)

    def for_model(self, info: ModelInfo) -> Protocol:
        """The protocol with what it leaves open: tiles of the size of the model's training crops, or in tiled mode of
        :data:`TILE`.

        PyTorch-Encoding's protocols also need the length of the long side at scale 1, its "base size": that of the
        training, ``data.base_size``, or else the length to which the model's images are brought anyway.

        Raises:
            InputError: it is needed, and the checkpoint does not say it.
        """
        if self.mode == "tiled":
            return replace(self, crop=self.crop or TILE)
        crop, long_side = self.crop, self.long_side
        if self.mode == "sliding" and crop is None:
            trained = info.training.get("crop")
            if not isinstance(trained, list) or len(trained) != 2:
                raise InputError(
                    "crop of the protocol is none, and the checkpoint does not say with which crop it was trained;"
                    " give --protocol.crop (PyTorch-Encoding: [480,480] unless trained otherwise)"
                )
            crop = (int(trained[0]), int(trained[1]))
        if long_side is None and self.short_side is None and self.name.startswith("pytorch-encoding"):
            trained = info.training.get("base_size") if info.training.get("base_side", "long") == "long" else None
            long_side = trained or info.long_side
            if long_side is None:
                raise InputError(
                    "long_side of the protocol is none, and the checkpoint does not say with which base size it was"
                    " trained; give --protocol.long_side (PyTorch-Encoding: 520 unless trained otherwise)"
                )
        return replace(self, crop=crop, long_side=long_side)

    def size(self, height: int, width: int, scale: float) -> tuple[int, int]:
        """Height and width of an image at a scale, in pixels; fractions are rounded, halves up.

        With ``long_side`` L alone the long side is ⌈L · scale⌉ and the short one in proportion, as in PyTorch-Encoding.
        Otherwise, as in MMSegmentation, the image is as large as fits a long and a short side: ``long_side`` and
        ``short_side``, or the image's own if it has neither, each times the scale and rounded.
        """
        long, short = max(height, width), min(height, width)
        if self.long_side is not None and self.short_side is None:
            fitted, of = math.ceil(self.long_side * scale), long
        elif self.short_side is not None and self.long_side is None:
            fitted, of = _rounded(self.short_side * scale), short
        else:
            sides = (long, short) if self.short_side is None else (self.long_side or long, self.short_side)
            fitted, of = min(_rounded(side * scale) / own for side, own in zip(sides, (long, short), strict=True)), 1
        return max(1, _rounded(height * fitted / of)), max(1, _rounded(width * fitted / of))

    def describe(self) -> str:
        """The protocol in one line."""
        changed = f" (changed: {', '.join(self.changed)})" if self.changed else ""
        tiles = "tiles of the size of the training crops"
        if self.crop is not None and self.steps is not None:
            tiles = f"tiles of {self.crop[0]} x {self.crop[1]}, {self.steps[0]} x {self.steps[1]} pixels apart"
        if self.mode == "tiled":
            rows, columns = self.crop or TILE
            return f"{self.name}{changed}: tiles of {rows} x {columns} with margins of {self.margin}, one context"
        parts = [tiles + " (padded)" * (self.edge == "pad") if self.mode == "sliding" else "whole images"]
        parts.append("scale" + "s" * (len(self.scales) > 1) + " " + ", ".join(f"{scale:g}" for scale in self.scales))
        sides = (("long", self.long_side), ("short", self.short_side))
        parts += [f"{name} side {length}" for name, length in sides if length is not None]
        parts += ["with mirror images"] * self.flip
        parts += ["average of exp(logits)"] * (self.average == "exp")
        parts += [{"bilinear": "bilinear", "model": "bilinear as in the model"}.get(self.resize, "")]
        parts += ["absent classes count as IoU 0"] * (self.absent_classes == "zero")
        return f"{self.name}{changed}: " + "; ".join(part for part in parts if part)

    def to_dict(self) -> dict[str, Any]:
        """The name, ``changed`` and all numbers as JSON types."""
        numbers = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        return {"name": numbers.pop("name"), "changed": list(self.changed), **numbers}


def _rounded(length: float) -> int:
    return int(length + 0.5)


def _require(condition: bool, name: str, value: object, allowed: str) -> None:
    if not condition:
        raise InputError(f"{name} of the protocol is {value}; it must be {allowed}")


_SIX_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)

_NAMED = (
    Protocol(),
    Protocol(name="tiled", mode="tiled"),
    # MMSegmentation 1.2: `mode="whole"`, resized by OpenCV's bilinear; long_side and short_side are its `scale`, for
    # example 2048 and 512 for ADE20K.
    Protocol(name="mmseg", resize="bilinear", fill=False),
    # ... with `--tta`: each scale relative to the image's own size, softmax averaged over scales and orientations.
    Protocol(name="mmseg-ms", resize="bilinear", scales=_SIX_SCALES, flip=True),
    # ... with `mode="slide"`: logits averaged over tiles. Strides 513 of 769, 341 of 512 and 320 of 480 are this one.
    Protocol(name="mmseg-slide", mode="sliding", stride=513 / 769, resize="bilinear"),
    # PyTorch-Encoding's MultiEvalModule: its long side, padded tiles at strides of int(crop * 2 / 3), and in each tile
    # exp(logits + logits of the mirrored tile), averaged over tiles and added up over scales. Its test script takes
    # the scales 0.75 to 2.25 for Cityscapes.
    Protocol(
        name="pytorch-encoding",
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
        name="pytorch-encoding-single",
        mode="sliding",
        edge="pad",
        average="exp",
        resize="model",
        absent_classes="zero",
    ),
)
NAMED: dict[str, Protocol] = {protocol.name: protocol for protocol in _NAMED}
"""The protocols that have a name."""


def named_protocol(name: str) -> Protocol:
    """The protocol of a name; ``dataclasses.replace`` changes a number of it.

    Raises:
        InputError: no protocol has this name.
    """
    if name not in NAMED:
        raise InputError(f"there is no protocol {name!r}; choose one of {', '.join(NAMED)}")
    return NAMED[name]
