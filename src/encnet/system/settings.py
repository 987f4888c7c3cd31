"""Settings by name, as files and command lines give them: a wrong one is named, with what it must be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import is_dataclass
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from encnet.system.errors import InputError
from encnet.system.text import quoted, shortened

Settings = TypeVar("Settings")

_NUMBERS = ("no", "one", "two", "three", "four")
_WANTED: dict[Any, str] = {
    float: "a finite number",
    int: "a whole number",
    bool: "true or false",
    str: "text",
    NoneType: "none",
}
_PARSER_ERROR = re.compile(r'.*Parser key "([\w.]+)": (.*)')
_VALUE = re.compile(r".*Given value: (.*)|.*?Got value: (.*)")


def parse_settings(settings: Any, kind: type[Settings], source: str) -> Settings:
    """Converts nested settings to a dataclass, and checks names, types and ranges.

    Args:
        settings: nested settings, as read from YAML.
        kind: the dataclass.
        source: where the settings come from, for the message of an error.

    Raises:
        InputError: there is no such setting, or a value has the wrong type or is out of its range.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    types = setting_types(kind)
    _require_names(settings, types, source)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", type=kind)
    try:
        return parser.instantiate(parser.parse_object({"config": settings})).config
    except (ArgumentError, TypeError, ValueError, OverflowError) as error:
        types = {f"config.{name}": type_ for name, type_ in types.items()}
        message = wrong_value(str(error), types, in_file=True) or shortened(str(error))
        raise InputError(f"{source}: {message.removeprefix('config.')}") from error


def setting_types(kind: type) -> dict[str, Any]:
    """The type of each setting of a dataclass, by dotted name; that of a group of settings is its dataclass."""
    types: dict[str, Any] = {}
    for name, type_ in get_type_hints(kind).items():
        types[name] = type_
        if isinstance(type_, type) and is_dataclass(type_):
            types |= {f"{name}.{inner}": each for inner, each in setting_types(type_).items()}
    return types


def wrong_value(message: str, types: Mapping[str, Any], in_file: bool = False) -> str | None:
    """The parser's message about a value of a wrong type as a sentence; None for a message about something else.

    Args:
        message: a message of jsonargparse.
        types: the type of each setting, by dotted name.
        in_file: whether the value is in a YAML file, where several numbers are a list.
    """
    found = _PARSER_ERROR.fullmatch(" ".join(message.split()))
    value = found and _VALUE.fullmatch(found[2])
    if found is None or value is None or found[1] not in types:
        return None
    given = shortened(value[1] or value[2] or "")
    return f"{found[1]} is {given}; it must be {_wanted(types[found[1]], in_file)}"


def _close_setting(name: str, known: Mapping[str, Any]) -> str:
    """Returns "; did you mean NAME?" for the name that is like one of the known; otherwise ""."""
    single = [each for each, type_ in known.items() if not is_dataclass(type_)]
    close = difflib.get_close_matches(name, single, n=1, cutoff=0.7)
    close = close or [each for each in single if each.endswith(f".{name}")]  # without its group
    return f"; did you mean {close[0]}?" if close else ""


def _require_names(settings: Any, types: Mapping[str, Any], source: str, group: str = "") -> None:
    """Raises InputError unless settings, and those of each group, are by name, and their names are known."""
    if not isinstance(settings, dict):
        what = f"{source}: {group.removesuffix('.')}" if group else source
        raise InputError(f"{what} must hold settings by name, not {quoted(settings)}")
    for key, value in settings.items():
        name = f"{group}{key}"
        if name not in types:
            first = next(iter(value), None) if isinstance(value, dict) else None
            full = name if first is None else f"{name}.{first}"  # a wrong group has right settings
            raise InputError(f"{source}: there is no setting {shortened(full)}{_close_setting(full, types)}")
        if is_dataclass(types[name]):
            _require_names(value, types, source, f"{name}.")


def _wanted(type_: Any, in_file: bool) -> str:
    """What a value of a type is, as the end of the sentence "it must be ..."."""
    arguments = list(get_args(type_))
    if get_origin(type_) is Literal:
        return f"one of {', '.join(map(str, arguments))}" if len(arguments) > 1 else str(arguments[0])
    if get_origin(type_) in (tuple, list):
        several = get_origin(type_) is list or Ellipsis in arguments
        items = "names" if arguments[0] is str else "numbers" if several else f"{_NUMBERS[len(arguments)]} numbers"
        return f"a list of {items}" if in_file else f"{items} with {'commas' if several else 'a comma'} between them"
    if get_origin(type_) is dict:
        return "settings by name"
    if arguments:  # a union
        return " or ".join(_wanted(each, in_file) for each in arguments if each is not NoneType)
    return _WANTED.get(type_, "of another type")
