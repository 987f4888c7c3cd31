"""The sources, which are the code bases whose checkpoints can be converted: their interface and their list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from torch import Tensor

from encnet.model.normalisation import IMAGENET_MEAN, IMAGENET_STD
from encnet.system.errors import InputError
from encnet.system.text import quoted

Origin = Literal["keys", "meta", "argument", "convention"]
"""Origin of a setting: names and shapes of the file's tensors (keys), the file's metadata, an argument of the
conversion, or the convention of all models that the source publishes. Argument overrides meta, meta overrides
convention."""


@dataclass(frozen=True)
class Setting:
    """A setting that changes what the network computes."""

    value: Any
    origin: Origin


@dataclass(frozen=True)
class ForeignFile:
    """The content of a file, as :func:`encnet.weights.reading.read_foreign` returns it."""

    path: Path
    tensors: Mapping[str, Tensor]
    """State dict, without the prefix that wrappers for several devices add."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Plain values that the file holds beside the tensors: config text, class names, ..."""


@dataclass(frozen=True)
class Answers:
    """Settings that the user gives because the file may not hold them; None for those not given."""

    source: str | None = None
    """Name of the source; None recognises it by the tensor names."""
    align_corners: bool | None = None
    """Convention of every bilinear interpolation."""
    mean: Sequence[float] | None = None
    """Mean of each input channel, 0-1."""
    std: Sequence[float] | None = None
    """Standard deviation of each input channel, 0-1."""


@dataclass(frozen=True)
class Conversion:
    """A foreign network in our terms."""

    source: str
    """Name of the code base."""
    variant: str
    """Variant to build, or "custom" if no variant fits."""
    settings: Mapping[str, Setting]
    """num_classes, and the options of :class:`encnet.model.options.ModelOptions` that the file decides: align_corners,
    mean, std and others."""
    tensors: Mapping[str, Tensor]
    """Tensors under our names. The caller checks that they fit the network."""
    unknown: Mapping[str, Tensor] = field(default_factory=dict)
    """Tensors under the file's names that have no place in the network; if there are any, the conversion is refused."""
    classes: Sequence[str] = ()
    """Class names; empty if the file does not hold them."""
    palette: Sequence[Sequence[int]] = ()
    """RGB colour of each class; empty if the file does not hold them."""
    crop: tuple[int, int] | None = None
    """Height and width of the training crops, which sliding windows use; None if the file does not hold them."""


class Source(Protocol):
    """The interface of a source's module."""

    NAME: str

    def recognise(self, tensors: Mapping[str, Tensor]) -> bool:
        """Whether the tensor names are those of this source; no two sources recognise the same names."""
        ...

    def convert(self, file: ForeignFile, answers: Answers) -> Conversion:
        """The network in our terms.

        Raises:
            InputError: a setting that changes the result is neither in the file nor in the answers, or the file holds a
                network that encnet does not have.
        """
        ...


SOURCES: dict[str, str] = {
    "mmsegmentation": "mmseg",
    "pytorch-encoding": "pytorch_encoding",
    "tutorial": "tutorial",
    "fastfcn": "fastfcn",
    "paddleseg": "paddleseg",
}
"""Name of each source -> its module in this package."""

RENAMED: dict[str, str] = {"seed": "tutorial"}
"""Name of a source in earlier versions -> its name now."""


def source(name: str) -> Source:
    """The module of a source.

    Args:
        name: a key of :data:`SOURCES`.

    Raises:
        InputError: there is no such source.
    """
    if name in RENAMED:
        raise InputError(f"the source {name!r} is now {RENAMED[name]!r}", "source")
    if name not in SOURCES:
        raise InputError(f"there is no source {name!r}; choose one of {', '.join(SOURCES)}", "source")
    return cast(Source, import_module(f"encnet.weights.{SOURCES[name]}"))


def normalisation(
    answers: Answers,
    meta: tuple[Sequence[float], Sequence[float]] | None = None,
    convention: tuple[Sequence[float], Sequence[float]] = (IMAGENET_MEAN, IMAGENET_STD),
) -> dict[str, Setting]:
    """The settings ``mean`` and ``std``: from the answers, else from ``meta`` (mean, std), else from ``convention``."""
    known, origin = (convention, "convention") if meta is None else (meta, "meta")
    given = (answers.mean, answers.std)
    return {
        name: Setting(tuple(fallback), origin) if answer is None else Setting(tuple(answer), "argument")
        for name, answer, fallback in zip(("mean", "std"), given, known, strict=True)
    }


def align_corners(answers: Answers, meta: object = None, convention: bool | None = None) -> dict[str, Setting]:
    """The setting ``align_corners``: from the answers, else from ``meta``, else from ``convention``; else empty."""
    if answers.align_corners is not None:
        return {"align_corners": Setting(answers.align_corners, "argument")}
    if isinstance(meta, bool):
        return {"align_corners": Setting(meta, "meta")}
    return {} if convention is None else {"align_corners": Setting(convention, "convention")}


def head_settings(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Setting]:
    """The settings of the heads, from names and shapes: number of classes and codewords, widths, optional parts.

    Args:
        path: path of the file, for the message.
        tensors: its tensors under our names.

    Raises:
        InputError: a tensor that every EncNet has is missing.
    """

    def shape(name: str, dimensions: int) -> Sequence[int]:
        tensor = tensors.get(name)
        if tensor is None or tensor.dim() != dimensions:
            held = "no tensor" if tensor is None else f"a tensor of shape {quoted(tuple(tensor.shape))}"
            raise InputError(f"{path} has {held} for our {name}; give the state dict of a whole EncNet")
        return tensor.shape

    conv_in = "head.conv_in.0.weight" if "head.conv_in.0.weight" in tensors else "head.conv_in.weight"
    aux = "aux_head.2.weight" in tensors
    values = {
        "num_classes": shape("head.classifier.weight", 4)[0],
        "num_codes": shape("head.context.semantics.encoding.codewords", 2)[0],
        "head_channels": shape(conv_in, 4)[0],
        "conv_in_kernel": shape(conv_in, 4)[2],
        "lateral": "head.lateral.0.0.weight" in tensors,
        "se": "head.presence.weight" in tensors,
        "aux": aux,
        **({"aux_channels": shape("aux_head.0.0.weight", 4)[0]} if aux else {}),
    }
    return {name: Setting(value, "keys") for name, value in values.items()}


def resnet_setting(path: Path, name: str | None) -> dict[str, Setting]:
    """The setting ``backbone``, from the result of :func:`encnet.weights.resnet.resnet_name`.

    Raises:
        InputError: the name is None.
    """
    if name is None:
        raise InputError(
            f"{path} has a backbone that is not supported; convert a network with a ResNet of 18, 34, 50, 101 or 152 "
            "layers and a stem of 7x7, 32-32-64 or 64-64-128"
        )
    return {"backbone": Setting(name, "keys")}
