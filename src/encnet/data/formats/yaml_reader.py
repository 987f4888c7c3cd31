"""Checks the values in a dataset.yaml, with messages that name the file and the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from encnet.data.class_indices import MAX_CLASSES
from encnet.data.palette import Color, distinct_palette
from encnet.system.errors import InputError
from encnet.system.text import not_a_name, quoted


class NamedClass(NamedTuple):
    """An entry of ``classes``."""

    key: str  #: where it stands, for messages
    name: str  #: the class
    color: Color  #: its colour
    values: list[Any]  #: what stands for it in labels; by default its name


class YamlReader:
    """Values of one file; the methods take the key that they read, for messages about mistakes.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path: Path = path

    def mistake(self, key: str, text: str) -> InputError:
        """The error for a mistake in the value of ``key``; ``text`` goes on from its name."""
        return InputError(f"{self.path}: `{key}` {text}" if key else f"{self.path}: the file {text}")

    def mapping(self, value: Any, key: str, required: set[str], optional: set[str]) -> dict[str, Any]:
        """A mapping with certain keys."""
        if not isinstance(value, dict):
            raise self.mistake(key, f"must be a mapping with {_listed(required or optional)}, not {quoted(value)}")
        for unknown in sorted(value.keys() - required - optional, key=quoted):
            raise self.mistake(
                key, f"has the unknown key {quoted(unknown)}; it may have {_listed(required | optional)}"
            )
        for missing in sorted(required - value.keys()):
            raise self.mistake(key, f"lacks the key '{missing}'")
        return value

    def text(self, value: Any, key: str, path: bool = False) -> str:
        """A text that can be a name, or with ``path`` a path: not empty, not long, and without control characters."""
        if not isinstance(value, str) or not value:
            raise self.mistake(key, f"must be text, not {quoted(value)}; put quotes around it")
        reason = not_a_name(value, path)
        if reason is not None:
            raise self.mistake(key, f"is {quoted(value)}, {reason}")
        return value

    def sequence(self, value: Any, key: str) -> Sequence[Any]:
        """A list."""
        if not isinstance(value, list):
            raise self.mistake(key, f"must be a list, not {quoted(value)}")
        return value

    def color(self, value: Any, key: str) -> Color:
        """A colour of three integers."""
        if not isinstance(value, list) or len(value) != 3 or not all(_is_integer(c, 255) for c in value):
            raise self.mistake(key, f"must be a colour [red, green, blue] of integers in 0-255, not {quoted(value)}")
        return value[0], value[1], value[2]

    def value(self, value: Any, key: str) -> int:
        """A raw value of label maps."""
        if not _is_integer(value, 65535):
            raise self.mistake(key, f"must be an integer in 0-65535, not {quoted(value)}")
        return value

    def named_classes(self, entries: Sequence[Any]) -> list[NamedClass]:
        """The entries of ``classes`` that may have a value and a colour; names differ, and each has a colour."""
        if not 1 <= len(entries) <= MAX_CLASSES:
            raise self.mistake("classes", f"must have 1 to {MAX_CLASSES} entries, not {len(entries)}")
        classes: dict[str, NamedClass] = {}
        for position, (given, distinct) in enumerate(zip(entries, distinct_palette(len(entries)), strict=True)):
            key = f"classes[{position}]"
            entry = self.mapping(given, key, required={"name"}, optional={"color", "value"})
            name = self.text(entry["name"], f"{key}.name")
            if name in classes:
                raise self.mistake(f"{key}.name", f"is '{name}', like {classes[name].key}; names must differ")
            color = self.color(entry["color"], f"{key}.color") if "color" in entry else distinct
            values = entry.get("value", name)
            classes[name] = NamedClass(key, name, color, values if isinstance(values, list) else [values])
        return list(classes.values())

    def class_or_ignore(self, value: Any, key: str, names: Sequence[str], ignored: int) -> int:
        """The position of the class that a value names, or ``ignored`` for the word ignore."""
        name = self.text(value, key)
        if name in names:
            return names.index(name)
        if name == "ignore":
            return ignored
        raise self.mistake(key, f"is '{name}', which is neither `ignore` nor the name of a class")

    def splits(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The entries of the splits, by their names."""
        splits = document["splits"]
        if not isinstance(splits, dict) or not splits:
            raise self.mistake(
                "splits", f"must be a mapping like train: {{images: ..., labels: ...}}, not {quoted(splits)}"
            )
        return {self.text(name, "splits"): entry for name, entry in splits.items()}


def _is_integer(value: Any, largest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest


def _listed(keys: set[str]) -> str:
    return ", ".join(sorted(keys))
