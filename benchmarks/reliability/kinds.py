"""The kinds of hostile input. A new kind is a file beside this one, and an entry in :data:`KINDS`."""

from __future__ import annotations

import random
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from encnet.system.errors import InputError


class Case(NamedTuple):
    """One input."""

    name: str
    """What is wrong with it, in a few words."""
    attempt: Callable[[], str | None]
    """Gives the input to encnet. It returns the sentence with which encnet refuses it, or None if encnet takes it; it
    raises an error where encnet does neither as it should. See :mod:`benchmarks.reliability.attempt` for commands."""


class Kind(Protocol):
    """The interface of a kind's module."""

    TITLE: str
    """The kind in the table."""
    MEANING: str
    """What the cases are, as a sentence."""
    NUMBER: int
    """How many cases the page counts."""
    MEMORY: float
    """Gigabytes that a case may take."""

    def prepare(self, folder: Path) -> None:
        """Writes the sound files that cases are made from into an empty folder; called once for all cases."""
        ...

    def case(self, rng: random.Random, folder: Path) -> Case:
        """Makes one case, which depends on the random numbers and on what :meth:`prepare` wrote alone."""
        ...


class Whole(Protocol):
    """The interface of the module of a kind whose cases need each other, as requests to one server do."""

    TITLE: str
    MEANING: str
    NUMBER: int

    def tried(self, number: int, folder: Path) -> list[dict[str, Any]]:
        """What became of each case, as :func:`benchmarks.reliability.attempt.main` writes it.

        Args:
            number: size of the kind.
            folder: empty folder for files.
        """
        ...


KINDS: tuple[str, ...] = (
    "arguments",
    "descriptions",
    "exports",
    "checkpoints",
    "exported",
    "converted",
    "signals",
    "requests",
)
"""Names of the kinds' modules in this package, in the order of the page."""


WHOLE: tuple[str, ...] = ("requests",)
"""Those whose modules have the interface :class:`Whole`."""


def whole(name: str) -> Whole | None:
    """The module of a kind whose cases need each other; None for other kinds."""
    return cast(Whole, import_module(f"benchmarks.reliability.{name}")) if name in WHOLE else None


def kind(name: str) -> Kind:
    """The module of a kind.

    Raises:
        InputError: there is no such kind.
    """
    if name not in KINDS:
        raise InputError(f"there is no kind {name!r} of input; choose of {', '.join(KINDS)}", "kinds")
    return cast(Kind, import_module(f"benchmarks.reliability.{name}"))
