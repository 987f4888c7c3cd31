"""The description of a network that an engine needs beside the weights; exported files contain it as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from encnet.data.palette import Color, distinct_palette
from encnet.model.info import ModelInfo
from encnet.model.schema import NUM_CLASSES, check_classes
from encnet.system.checks import require
from encnet.system.errors import InputError, first_line
from encnet.system.rules import Rule, boolean, check_fields, integer, one_of, plain_mapping
from encnet.system.text import quoted

if TYPE_CHECKING:
    from encnet.checkpoint.encnet import EncNet

METADATA_KEY: str = "encnet"
"""Metadata key under which exported files store :meth:`Description.to_json`."""

_VERSION = 1

_FIELDS: dict[str, Rule] = {
    "version": integer(0, 10**6),
    "info": plain_mapping(entries=1_000_000),
    "num_classes": NUM_CLASSES,
    "presence": boolean(),
    "align_corners": boolean(),
    "precision": one_of("fp32", "bf16", "int8"),
}
"""Field of the JSON -> its rule; those of ``info`` are in :mod:`encnet.model.schema`, as a checkpoint's."""


@dataclass(frozen=True)
class Description:
    """What an engine needs to know about a network beside its weights.

    Raises:
        InputError: the number of names or colours differs from the number of classes.
    """

    info: ModelInfo
    """Metadata of the checkpoint: preprocessing, class names, palette, training."""
    num_classes: int
    """Number of classes: the channels of the logits."""
    presence: bool
    """Whether the network predicts class presence."""
    align_corners: bool
    """How the logits are resized to the size of the image: as in ``F.interpolate``."""
    precision: str = "fp32"
    """Number format that the file was exported for: "fp32", "bf16" or "int8"."""

    def __post_init__(self) -> None:
        check_classes(self.info.classes, self.info.palette, self.num_classes)

    @classmethod
    def of(cls, model: EncNet, precision: str = "fp32") -> Description:
        """The description of a model; it shares the model's ``info``."""
        return cls(model.info, model.num_classes, model.head.presence is not None, model.align_corners, precision)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each class; "class i" if the model has no names."""
        return tuple(self.info.classes) or tuple(f"class {i}" for i in range(self.num_classes))

    @property
    def palette(self) -> tuple[Color, ...]:
        """RGB colour of each class, 0-255; clearly distinct ones if the model has no colours."""
        return tuple((r, g, b) for r, g, b in self.info.palette) or distinct_palette(self.num_classes)

    def to_json(self) -> str:
        """The description as JSON, for :meth:`from_json`."""
        return json.dumps({"version": _VERSION, **dataclasses.asdict(self)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, source: str | os.PathLike[str]) -> Description:
        """Reads the JSON of :meth:`to_json`.

        Args:
            text: the JSON.
            source: the file that contains it, for messages.

        Raises:
            InputError: the JSON is damaged, or of another version.
        """
        damaged = f"{source} has damaged metadata of encnet"
        try:
            fields = json.loads(text)
            check_fields(fields, _FIELDS, required=("version", "info", "num_classes", "presence", "align_corners"))
            if fields["version"] == _VERSION:
                for name in fields:
                    require(name in _FIELDS, "a field", quoted(name), f"one of {', '.join(_FIELDS)}")
                info = ModelInfo.of(fields["info"], "info")
                numbers = {name: fields[name] for name in _FIELDS if name in fields and name not in ("version", "info")}
                return cls(info=info, **numbers)
        except InputError as error:
            raise InputError(f"{damaged}: {error}; write it again with `encnet export`") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{damaged} ({first_line(error)}); write it again with `encnet export`") from error
        version = fields["version"]
        raise InputError(f"{source} has metadata of version {version}, but this encnet reads {_VERSION}; update encnet")
