"""Converts a checkpoint of another code base: the same tensors, and every setting that changes the result."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.checkpoint.format import require_finite
from encnet.data.formats import read_dataset
from encnet.data.formats.dataset_yaml import read_dataset_yaml
from encnet.data.labels import LabelSet
from encnet.data.palette import distinct_palette, is_color
from encnet.model.backbones.timm_backbone import DilatedBackbone
from encnet.system.errors import InputError, first_line
from encnet.system.outputs import check_outputs
from encnet.system.rules import is_text
from encnet.system.text import counted
from encnet.weights import timm_torchvision
from encnet.weights.distance import refuse_positive_scale, refuse_squared_factor
from encnet.weights.fitting import load_tensors, require_fit
from encnet.weights.reading import read_foreign
from encnet.weights.sources import SOURCES, Answers, Conversion, ForeignFile, Source, source


@dataclass(frozen=True)
class Converted:
    """The file that a conversion wrote, and its settings."""

    out: Path
    """The file written."""
    rows: Sequence[tuple[str, str, str]]
    """Name, value and origin of each setting."""
    backbone: str | None
    """timm's name of the backbone if the file held only a backbone (initial weights); None for a whole network."""


def convert_file(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    answers: Answers | None = None,
    classes: str | os.PathLike[str] | None = None,
    format: str | None = None,
    overwrite: bool = False,
) -> Converted:
    """Converts the checkpoint ``path`` and writes ``out``, unless a tensor does not fit.

    Args:
        path: a PyTorch or safetensors file, or PaddlePaddle's .pdparams.
        out: file to write: for ``encnet.load``, or for ``pretrained=`` if the checkpoint is only a backbone.
        answers: settings that the file does not hold.
        classes: source of class names and palette: the folder of a data set, its dataset.yaml, or a text file with one
            name per line. None takes those in the file, else class_0, class_1, ...
        format: format of that data set; None detects it.
        overwrite: whether to replace a file that encnet did not write, or that was changed since.

    Raises:
        InputError: the file cannot be read, belongs to no source or to a refused one, or lacks a setting; or ``out``
            would replace an input or a file that encnet did not write.
        MisfitError: tensors are left over, missing, or have another shape.
    """
    answers = answers or Answers()
    check_outputs([Path(out)], [path, *([] if classes is None else [classes])], overwrite)
    file = read_foreign(path)
    if answers.source is None and timm_torchvision.recognise(file.tensors):
        _refuse_answers(file, answers, classes)
        return _convert_backbone(file, Path(out))
    refuse_squared_factor(file, answers)
    chosen = _source(file, answers.source)
    conversion = chosen.convert(file, answers)
    refuse_positive_scale(file, conversion.tensors)
    model = _fill(file, conversion)
    names = _name_classes(model, conversion, None if classes is None else _read_classes(Path(classes), format))
    rows = [
        ("source", conversion.source, "keys" if answers.source is None else "argument"),
        ("variant", conversion.variant, "keys"),
        *((name, _text(setting.value), setting.origin) for name, setting in conversion.settings.items()),
        ("classes", _text(model.info.classes), names),
    ]
    model.info.training = {
        "converted_from": conversion.source,
        "file": file.path.name,
        "settings": {name: [value, origin] for name, value, origin in rows},
        **({} if conversion.crop is None else {"crop": list(conversion.crop)}),
    }
    model.save(out)
    return Converted(Path(out), rows, None)


def _source(file: ForeignFile, name: str | None) -> Source:
    """The source called ``name``, or for None the one that recognises the file."""
    candidates = [source(candidate) for candidate in (SOURCES if name is None else [name])]
    recognised = next((candidate for candidate in candidates if candidate.recognise(file.tensors)), None)
    if recognised is None:
        first = next(iter(file.tensors), "none")
        raise InputError(
            f"{file.path} is not an EncNet of {name or ', '.join(SOURCES)}, nor a ResNet of timm or torchvision: it "
            f"has {counted(len(file.tensors), 'tensor')} of other names, the first one {first}; weights of another"
            " timm backbone need no conversion: give their file as pretrained when you create or train a model"
        )
    return recognised


def _fill(file: ForeignFile, conversion: Conversion) -> EncNet:
    """The network with these settings and the file's tensors, in eval mode."""
    options = {name: setting.value for name, setting in conversion.settings.items()}
    with torch.device("meta"):  # shapes without values: nothing is allocated for a file that does not fit
        require_fit(file, create_model(conversion.variant, **options), conversion.tensors, conversion.unknown)
    model = create_model(conversion.variant, **options)
    load_tensors(model, conversion.tensors)
    return model.eval()


def _refuse_answers(file: ForeignFile, answers: Answers, classes: str | os.PathLike[str] | None) -> None:
    """Refuses settings that the initial weights of a backbone do not hold."""
    settings = {"align_corners": answers.align_corners, "mean": answers.mean, "std": answers.std, "classes": classes}
    for name, value in settings.items():
        if value is not None:
            raise InputError(
                f"{file.path} holds only a backbone, and {name} belongs to a whole network; leave it out here, and "
                "give it when you train",
                name,
            )


def _convert_backbone(file: ForeignFile, out: Path) -> Converted:
    """Writes the ResNet in a file as initial weights."""
    name, tensors = timm_torchvision.backbone_weights(file.tensors)
    network = DilatedBackbone(name).network
    require_fit(file, network, tensors, {})
    load_tensors(network, tensors)
    try:
        require_finite(tensors)
    except InputError as error:
        raise InputError(f"{file.path}: {error}") from error
    timm_torchvision.write_backbone(out, name, network.state_dict())
    rows = [("source", timm_torchvision.NAME, "keys"), ("backbone", name, "keys")]
    return Converted(out, rows, name)


def _name_classes(model: EncNet, conversion: Conversion, given: LabelSet | None) -> str:
    """Stores class names and palette in the model; returns their origin.

    Args:
        model: the converted model.
        conversion: its conversion, with the names that the file holds.
        given: the user's names and palette, if any.

    Raises:
        InputError: the user gives a wrong number of names.
    """
    n = model.num_classes
    names, palette, origin = list(conversion.classes), list(conversion.palette), "meta"
    if given is not None:
        names, palette, origin = list(given.names), list(given.palette), "argument"
        if len(names) != n:
            raise InputError(
                f"classes gives {counted(len(names), 'name')} and the network has {counted(n, 'class')};"
                " give those it was trained with",
                "classes",
            )
    if len(names) != n or not all(is_text(name, 1000) for name in names):
        names, palette, origin = [f"class_{i}" for i in range(n)], [], "convention"
    if len(palette) != n or not all(is_color(color) for color in palette):
        palette = distinct_palette(n)
    model.info.classes, model.info.palette = names, [list(color) for color in palette]
    return origin


def _read_classes(path: Path, format: str | None) -> LabelSet:
    """Class names and palette from a data set's folder, a dataset.yaml or a text file."""
    if path.is_dir():
        return read_dataset(path, format).labels
    if path.suffix in (".yaml", ".yml"):
        return read_dataset_yaml(path).labels
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} gives no class names ({first_line(error)}); give the folder of a data set, a dataset.yaml, or a "
            "text file with one name per line",
            "classes",
        ) from error
    return LabelSet.plain([line.strip() for line in lines if line.strip()])


def _text(value: Any) -> str:
    """The text of a value in the table of settings."""
    if isinstance(value, list | tuple):
        if len(value) > 3:
            return f"{len(value)}: {_text(value[0])}, {_text(value[1])}, ..., {_text(value[-1])}"
        return ", ".join(_text(part) for part in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
