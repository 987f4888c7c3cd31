"""The model card: the contents of a checkpoint as the README.md that the Hugging Face hub shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from encnet.model.info import ModelInfo
from encnet.system.text import counted

WRITTEN_BY_ENCNET: str = "<!-- written by encnet from the checkpoint; a card without this line is never replaced -->"
_LONGEST = 160  # characters in a cell of a table


def model_card(info: ModelInfo, parameters: int, source: str, license: str | None = None) -> str:
    """Returns the card as Markdown, preceded by the metadata of the hub.

    Args:
        info: metadata of the checkpoint.
        parameters: number of weights.
        source: argument of ``encnet.load`` for this model: an id of the hub, or a folder.
        license: the hub's identifier of the license of the weights; None leaves the field out.
    """
    metadata: dict[str, Any] = {
        "library_name": "encnet",
        "pipeline_tag": "image-segmentation",
        "tags": ["encnet", "semantic-segmentation", "context-encoding", info.variant],
    }
    if license is not None:
        metadata["license"] = license
    classes = info.options.get("num_classes", len(info.classes))
    dataset = info.training.get("dataset")
    has_presence = info.options.get("context", True) and info.options.get("se", True)
    presence = " and, for the whole image, how sure it is that each class is anywhere in it" if has_presence else ""
    blocks = [
        f"---\n{yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)}---",
        WRITTEN_BY_ENCNET,
        f"# {info.variant}, {counted(classes, 'class')}" + (f", {_cell(dataset)}" if dataset else ""),
        "EncNet (*Context Encoding for Semantic Segmentation*, Zhang et al., CVPR 2018): gives each pixel of an image "
        f"one of {counted(classes, 'class')}{presence}. {parameters / 1e6:.1f} million weights.",
        "## Use",
        "```python\n"
        "import encnet\n\n"
        f'segmentation = encnet.Predictor({_quoted(source)})("photograph.jpg")\n'
        'segmentation.overlay().save("overlay.png")\n'
        "```",
        "`segmentation.labels` holds a class index for each pixel, at the photograph's own size"
        + ("; `segmentation.presence` holds a probability for each class." if has_presence else "."),
        "## Classes",
        _classes(info) if info.classes else f"{counted(classes, 'class')}; the checkpoint does not name them.",
        "## Preprocessing",
        _table(("property", "value"), _preprocessing(info)),
        "## Network",
        _table(("option", "value"), [(name, _text(value)) for name, value in info.options.items()]),
    ]
    if info.training:
        blocks += ["## Training and scores", _table(("", ""), list(_flat(info.training)))]
    return "\n\n".join(blocks) + "\n"


def _classes(info: ModelInfo) -> str:
    colors = [f"`#{r:02x}{g:02x}{b:02x}`" for r, g, b in info.palette]
    names = list(enumerate(info.classes))
    rows = [(str(index), name, colors[index] if index < len(colors) else "") for index, name in names]
    return _table(("index", "name", "colour"), rows)


def _preprocessing(info: ModelInfo) -> list[tuple[str, str]]:
    side = "its own" if info.long_side is None else f"{info.long_side} pixels"
    return [
        ("length of the long side", side),
        ("values", "0 to 1, minus mean, divided by standard deviation"),
        ("mean", _text(info.mean)),
        ("standard deviation", _text(info.std)),
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yields nested entries as rows, named "validation: mean_iou" for example."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}: ")
        else:
            yield f"{prefix}{name}", _text(value)


def _text(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            return ", ".join(_text(part) for part in value) or "none"
        case _:
            return str(value)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [tuple(header), ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: object) -> str:
    """Shortens text to one line, and escapes what Markdown would read as markup."""
    short = " ".join(str(text).split())
    short = short if len(short) <= _LONGEST else short[: _LONGEST - 1] + "…"
    return short.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
