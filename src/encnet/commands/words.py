"""The words of a command line, before they are parsed: short spellings, and the flag that was meant."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_args, get_origin

from encnet.system.errors import InputError
from encnet.system.settings import wrong_value

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

_NUMBERS = re.compile(r"[-+.\de]+(,[-+.\de]+)*", re.IGNORECASE)
_BOOLEANS = ("true", "false", "null", "none", "yes", "no", "on", "off", "1", "0")


def with_underscores(words: Iterable[str]) -> list[str]:
    """Replaces ``-`` by ``_`` in the names of flags; values, and all words after ``--``, stay as they are."""
    changed: list[str] = []
    for word in words:
        if word.startswith("--") and "--" not in changed:
            name, equals, value = word[2:].partition("=")
            word = "--" + name.replace("-", "_") + equals + value
        changed.append(word)
    return changed


def value_first(words: list[str], flags: Iterable[str], replacement: Callable[[str], str]) -> list[str]:
    """Moves a flag and its value to the front, so that every other flag overrides it.

    Args:
        words: the words of a command line.
        flags: names of the flag; the first one is used in the result.
        replacement: value -> new value.

    Raises:
        InputError: the flag is given twice.
    """
    first, *others = flags
    end = words.index("--") if "--" in words else len(words)
    places = [i for i in range(end) if words[i].partition("=")[0] in (first, *others)]
    if len(places) > 1:
        raise InputError(f"{first} is given twice; give it once, and change single settings with their own flags")
    for i in places:
        _, equals, value = words[i].partition("=")
        if equals or i + 1 < end:
            replaced = replacement(value if equals else words[i + 1])
            return [first, replaced, *words[:i], *words[i + (1 if equals else 2) :]]
    return words


def spelled_out(words: Iterable[str], parser: ArgumentParser) -> list[str]:
    """Replaces short spellings of flags and values by those that the parser reads; words after ``--`` stay.

    ``--rank`` and ``--no_rank`` stand for ``--rank true`` and ``--rank false``, ``--data.crop 256,256`` for
    ``--data.crop [256,256]``, and ``--clear sky,road`` for ``--clear ["sky", "road"]``.

    Args:
        words: the words of a command line, with underscores.
        parser: the parser of the command.
    """
    types = flag_types(parser)
    words = list(words)
    end = words.index("--") if "--" in words else len(words)
    changed: list[str] = []
    for i, word in enumerate(words):
        name, equals, value = word.partition("=")
        flag = _negated(name)
        previous = changed[-1] if changed else ""
        if i >= end:
            changed.append(word)
        elif not equals and _is_boolean(types.get(name)):
            following = words[i + 1].lower() if i + 1 < end else "--"
            # A word that may be anything is a photograph after --rank, and a mistake after a flag of three values.
            has_value = following in _BOOLEANS or (types[name] is not bool and not following.startswith("--"))
            changed.append(name if has_value else f"{name}=true")
        elif not equals and name not in types and _is_boolean(types.get(flag)):
            changed.append(f"{flag}=false")
        elif equals:
            changed.append(f"{name}={_bracketed(value, types.get(name))}")
        else:
            changed.append(_bracketed(word, types.get(previous)))
    return changed


def nearest(message: str, flags: Iterable[str]) -> str:
    """Returns "; did you mean --FLAG?" for a message about a flag that is like one of ``flags``; otherwise ""."""
    wrong = re.search(r"[Uu]nrecogni[sz]ed arguments?: (--[\w.]+)", message)
    close = difflib.get_close_matches(wrong[1], list(flags), n=1, cutoff=0.7) if wrong else []
    if wrong and not close:  # a setting of a group, without the group
        close = [flag for flag in flags if flag.endswith(f".{wrong[1].removeprefix('--')}")]
    return f"; did you mean {close[0]}?" if close else ""


def in_plain_words(message: str, types: Mapping[str, Any]) -> str:
    """The parser's message about a value of a wrong type as a sentence; another message stays as it is.

    Args:
        message: a message of the parser.
        types: the type of each flag.
    """
    sentence = wrong_value(message, {flag.removeprefix("--"): type_ for flag, type_ in types.items()})
    return message if sentence is None else f"--{sentence}"


def flag_types(parser: ArgumentParser) -> dict[str, Any]:
    """The type of each flag of a parser; None for a flag without one."""
    return {flag: getattr(action, "_typehint", None) for action in parser._actions for flag in action.option_strings}


def _negated(name: str) -> str:
    """``--no_overlay`` -> ``--overlay``, ``--protocol.no_flip`` -> ``--protocol.flip``; other names stay."""
    group, dot, last = name.removeprefix("--").rpartition(".")
    return f"--{group}{dot}{last.removeprefix('no_')}"


def _is_boolean(type_: Any) -> bool:
    return type_ is bool or set(get_args(type_)) == {bool, type(None)}


def _bracketed(value: str, type_: Any) -> str:
    """``1,2`` -> ``[1,2]`` for a type of several numbers, ``sky,road`` -> ``["sky", "road"]`` for one of names."""
    for several in (type_, *get_args(type_)):
        if get_origin(several) in (tuple, list):
            if get_args(several)[0] is str:
                return value if value.startswith("[") else json.dumps(value.split(","))
            one = get_origin(several) is tuple and Ellipsis not in get_args(several) and "," not in value
            return f"[{value}]" if _NUMBERS.fullmatch(value) and not one else value
    return value
