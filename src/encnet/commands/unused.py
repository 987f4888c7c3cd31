"""Arguments that are given and would have no effect are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encnet.system.errors import InputError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from encnet.inference.protocols.protocol import Protocol


@dataclass(frozen=True)
class Unused:
    """A case in which an argument has no effect, so that giving it is an error."""

    name: str
    """Dotted name of the argument, "protocol.margin" for example; a group stands for all of its arguments."""
    applies: Callable[[Any], bool]
    """Parsed arguments -> whether this is the case."""
    reason: str
    """Why, after the words "has no effect": "on whole images"."""
    way_out: str
    """What to give besides, after the words "leave it out, or": "give --protocol.mode tiled too"."""


def _resizes(protocol: Protocol) -> bool:
    """Whether a protocol resizes images, also to a long side that it takes from the checkpoint."""
    sides = protocol.long_side is not None or protocol.short_side is not None or protocol.scales != (1.0,)
    return protocol.mode != "tiled" and (sides or protocol.name.startswith("pytorch-encoding"))


UNUSED_PROTOCOL: tuple[Unused, ...] = (
    Unused(
        "protocol.crop",
        lambda a: a.protocol.mode == "whole",
        "on whole images",
        "give --protocol.mode sliding or tiled too",
    ),
    *(
        Unused(
            f"protocol.{name}",
            lambda a: a.protocol.mode != "sliding",
            "without sliding windows",
            "give --protocol.mode sliding too",
        )
        for name in ("stride", "edge")
    ),
    Unused(
        "protocol.resize",
        lambda a: not _resizes(a.protocol),
        "on images that keep their size",
        "give --protocol.scales, long_side or short_side too",
    ),
    Unused("protocol.margin", lambda a: a.protocol.mode != "tiled", "without tiles", "give --protocol.mode tiled too"),
    Unused(
        "protocol.absent_classes",
        lambda a: not hasattr(a, "dataset"),
        "where nothing is scored",
        "score with `encnet evaluate`",
    ),
)
"""The cases of ``--protocol``, for every verb that has it."""


def refuse_unused(arguments: Any, cases: Iterable[Unused]) -> None:
    """Refuses the first argument that is given and has no effect.

    Args:
        arguments: parsed arguments, with ``given``.
        cases: the cases in which an argument has no effect.

    Raises:
        InputError: an argument has no effect; the message says why.
    """
    for case in cases:
        given = [name for name in arguments.given if name == case.name or name.startswith(f"{case.name}.")]
        if given and case.applies(arguments):
            raise InputError(f"--{given[0]} has no effect {case.reason}; leave it out, or {case.way_out}")


PRESETS: tuple[str, ...] = ("--recipe", "--protocol", "--protocol.name")
"""Flags whose value is the name of many settings."""


def given_values(parser: ArgumentParser, words: list[str]) -> dict[str, Any]:
    """Returns the arguments on a command line, whether or not they equal the defaults: dotted name -> value.

    A recipe or a protocol counts as one argument, not as the settings that it stands for.

    Args:
        parser: the parser of the command.
        words: the words of a command line that the parser accepts, with underscores.
    """
    rest, i = [], 0
    presets: dict[str, Any] = {}
    end = words.index("--") if "--" in words else len(words)
    while i < len(words):
        name, equals, value = words[i].partition("=")
        if i < end and name in PRESETS:
            i += 0 if equals else 1
            presets[name[2:]] = value if equals else words[i]
        else:
            rest.append(words[i])
        i += 1
    positional = {action.dest for action in parser._actions if not action.option_strings}
    given = {**presets, **dict(parser.parse_args(rest, defaults=False).items())}
    return {name: value for name, value in given.items() if value is not None or name not in positional}
