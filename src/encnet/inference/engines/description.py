"""What an engine has to know about a network beside its weights: it travels in exported files as JSON."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from encnet.data.palette import Color, distinct_palette
from encnet.errors import InputError
from encnet.model.info import ModelInfo

if TYPE_CHECKING:
    from encnet.model.encnet import EncNet

METADATA_KEY = "encnet"
"""Under which exported files hold :meth:`Description.to_json`."""

_VERSION = 1


@dataclass(frozen=True)
class Description:
    """What an engine has to know about a network beside its weights.

    Raises:
        InputError: names or colours are not as many as classes, or the network does not take RGB images.
    """

    info: ModelInfo
    """What travels with the weights: preprocessing, class names, palette, training."""
    num_classes: int
    """Number of classes: the channels of the logits."""
    presence: bool
    """Whether the network says which classes are in the image."""
    align_corners: bool
    """The convention by which its logits are brought to the size of the image."""
    precision: str = "fp32"
    """The number format that it was exported for: "fp32", "bf16" or "int8"."""

    def __post_init__(self) -> None:
        names, colors = len(self.info.classes), len(self.info.palette)
        if names not in (0, self.num_classes) or colors not in (0, self.num_classes):
            raise InputError(
                f"the model has {self.num_classes} classes, but names {names} and colours {colors};"
                " correct model.info.classes and model.info.palette"
            )
        if len(self.info.mean) != 3 or len(self.info.std) != 3:
            raise InputError(
                f"{self.info.variant} takes images of {len(self.info.mean)} channels; prediction needs an RGB model"
            )

    @classmethod
    def of(cls, model: EncNet, precision: str = "fp32") -> Description:
        """The description of a model, which shares the model's ``info``."""
        return cls(model.info, model.num_classes, model.head.presence is not None, model.align_corners, precision)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each class; "class i" where the model names none."""
        return tuple(self.info.classes) or tuple(f"class {i}" for i in range(self.num_classes))

    @property
    def palette(self) -> tuple[Color, ...]:
        """RGB colour of each class, 0-255; well distinguishable ones where the model has none."""
        return tuple((r, g, b) for r, g, b in self.info.palette) or distinct_palette(self.num_classes)

    def to_json(self) -> str:
        """The description as JSON, which :meth:`from_json` reads."""
        return json.dumps({"version": _VERSION, **dataclasses.asdict(self)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, source: str | os.PathLike[str]) -> Description:
        """Reads what :meth:`to_json` wrote.

        Args:
            text: the JSON.
            source: the file it comes from, for messages.

        Raises:
            InputError: the text is damaged, or of another version.
        """
        damaged = f"{source} has damaged metadata of encnet"
        try:
            fields = json.loads(text)
            version = fields.pop("version")
            if version == _VERSION:
                return cls(info=ModelInfo(**fields.pop("info")), **fields)
        except InputError as error:
            raise InputError(f"{damaged}: {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{damaged} ({error}); write it again with `encnet export`") from error
        raise InputError(f"{source} has metadata of version {version}, and this encnet reads {_VERSION}; update encnet")
