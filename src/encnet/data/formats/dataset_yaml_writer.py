"""Writes a dataset.yaml, from which the same classes and folders are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from encnet.data.labels import LabelSet
from encnet.data.palette import Color
from encnet.system.files import write_text


def write_dataset_yaml(
    path: str | Path, labels: LabelSet, splits: Mapping[str, Mapping[str, str]], name: str, label_suffix: str = ""
) -> None:
    """Writes a dataset.yaml from which :func:`read_dataset_yaml` reads the same ``labels``.

    Args:
        path: the file to write.
        labels: the classes, and how label maps encode them.
        splits: split -> {"images": folder, "labels": folder, "list": file}; the last two are optional. Without splits,
            the folders are recognised by their names.
        name: name of the data set.
        label_suffix: what the stem of a label map adds to that of its image.
    """
    raw_of: dict[int, list[int | list[int]]] = {}
    for raw, target in labels.raw.items():
        raw_of.setdefault(target, []).append(_plain(raw))
    classes = []
    for index, (class_name, color) in enumerate(zip(labels.names, labels.palette, strict=True)):
        entry: dict[str, Any] = {"name": class_name, "color": list(color)}
        own = raw_of.get(index, [])
        if labels.encoding == "value":
            entry["value"] = own[0] if len(own) == 1 else own
        elif own != [entry["color"]]:
            entry["colors"] = own
        classes.append(entry)
    document: dict[str, Any] = {"name": name, "labels": labels.encoding, "classes": classes}
    document["ignore"] = raw_of.get(labels.ignore, [])
    if labels.undeclared is not None:
        document["undeclared"] = "ignore" if labels.undeclared == labels.ignore else labels.names[labels.undeclared]
    if label_suffix:
        document["label_suffix"] = label_suffix
    if splits:
        document["splits"] = {split: dict(folders) for split, folders in splits.items()}
    text = yaml.safe_dump(document, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)
    write_text(path, text, recorded=False)  # a data set is the user's, to edit and to share


def _plain(raw: int | Color) -> int | list[int]:
    return raw if isinstance(raw, int) else list(raw)
