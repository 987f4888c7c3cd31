"""The code bases whose checkpoints can be converted: what a source offers, what it gives, and which there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from torch import Tensor

from encnet.errors import InputError
from encnet.model.build import IMAGENET_MEAN, IMAGENET_STD

Origin = Literal["keys", "meta", "argument", "convention"]
"""Where a setting comes from: names and shapes of the file's tensors, what the file says beside them, an argument of
the conversion, or what the source does in all that it publishes. Argument goes before meta, meta before convention."""


@dataclass(frozen=True)
class Setting:
    """A setting that changes what the network computes."""

    value: Any
    origin: Origin


@dataclass(frozen=True)
class ForeignFile:
    """What :func:`encnet.weights.reading.read_foreign` found in a file."""

    path: Path
    tensors: Mapping[str, Tensor]
    """The state dict, without the prefix that wrappers for several devices add."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Plain values that the file holds beside it: config text, class names, ..."""


@dataclass(frozen=True)
class Answers:
    """What the user says, because the file may not; None where nothing was said."""

    source: str | None = None
    """Name of the source; None recognises it."""
    align_corners: bool | None = None
    mean: Sequence[float] | None = None
    """Of each input channel, in 0-1."""
    std: Sequence[float] | None = None
    """Of each input channel, in 0-1."""


@dataclass(frozen=True)
class Conversion:
    """A foreign network in our terms."""

    source: str
    """Name of the code base."""
    variant: str
    """The builder to call."""
    settings: Mapping[str, Setting]
    """Arguments of the builder (options of :func:`encnet.model.variants.build_encnet`): num_classes, align_corners,
    mean, std and whatever else the file decides."""
    tensors: Mapping[str, Tensor]
    """Under our names. Tensors that the model lacks or that have another shape are found by the caller."""
    unknown: Mapping[str, Tensor] = field(default_factory=dict)
    """Tensors, under the file's names, that the source has no place for; the conversion is then refused."""
    classes: Sequence[str] = ()
    """Names of the classes, where the file says them."""
    palette: Sequence[Sequence[int]] = ()
    """RGB colour of each class, where the file says them."""
    crop: tuple[int, int] | None = None
    """Height and width of the crops that it was trained on, where the file says them: sliding evaluation has them."""


class Source(Protocol):
    """What a source's module offers."""

    NAME: str

    def recognise(self, tensors: Mapping[str, Tensor]) -> bool:
        """Whether the names are this source's; no two sources recognise the same names."""
        ...

    def convert(self, file: ForeignFile, answers: Answers) -> Conversion:
        """The network in our terms.

        Raises:
            InputError: a setting that changes the result is neither in the file nor in the answers, or the file is of
                a network that encnet does not have.
        """
        ...


SOURCES: dict[str, str] = {
    "mmsegmentation": "mmseg",
    "pytorch-encoding": "pytorch_encoding",
    "seed": "seed",
    "fastfcn": "fastfcn",
    "paddleseg": "paddleseg",
}
"""Name of each source and its module in this package."""


def source(name: str) -> Source:
    """The module of the source ``name``, a key of :data:`SOURCES`."""
    return cast(Source, import_module(f"encnet.weights.{SOURCES[name]}"))


def normalisation(
    answers: Answers,
    meta: tuple[Sequence[float], Sequence[float]] | None = None,
    convention: tuple[Sequence[float], Sequence[float]] = (IMAGENET_MEAN, IMAGENET_STD),
) -> dict[str, Setting]:
    """The settings ``mean`` and ``std``: from the answers, else from ``meta`` (mean, std), else by ``convention``."""
    known, origin = (convention, "convention") if meta is None else (meta, "meta")
    given = (answers.mean, answers.std)
    return {
        name: Setting(tuple(fallback), origin) if answer is None else Setting(tuple(answer), "argument")
        for name, answer, fallback in zip(("mean", "std"), given, known, strict=True)
    }


def align_corners(answers: Answers, meta: object = None, convention: bool | None = None) -> dict[str, Setting]:
    """The setting ``align_corners``: from the answers, else from ``meta``, else by ``convention``; empty if unknown."""
    if answers.align_corners is not None:
        return {"align_corners": Setting(answers.align_corners, "argument")}
    if isinstance(meta, bool):
        return {"align_corners": Setting(meta, "meta")}
    return {} if convention is None else {"align_corners": Setting(convention, "convention")}


def head_settings(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Setting]:
    """What names and shapes, already ours, say about heads: number of classes and codes, widths, which parts there are.

    Raises:
        InputError: one of the tensors that every EncNet has is missing.
    """

    def shape(name: str, dimensions: int) -> Sequence[int]:
        tensor = tensors.get(name)
        if tensor is None or tensor.dim() != dimensions:
            found = "no tensor" if tensor is None else f"one of shape {tuple(tensor.shape)}"
            raise InputError(f"{path} has {found} for our {name}; give the state dict of a whole EncNet")
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
    """The setting ``backbone``, from what :func:`encnet.weights.resnet.resnet_name` found.

    Raises:
        InputError: nothing was found.
    """
    if name is None:
        raise InputError(
            f"{path} has a backbone that is not read: no ResNet of 18, 34, 50, 101 or 152 layers with the 7x7, the "
            "32-32-64 or the 64-64-128 stem; convert a network with one of these"
        )
    return {"backbone": Setting(name, "keys")}
