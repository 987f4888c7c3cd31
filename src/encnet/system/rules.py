"""Rules: which values a field may hold, for arguments and for the metadata of files alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.text import quoted


class Rule(NamedTuple):
    """What a value must be."""

    allowed: str
    """The allowed values, as the end of the sentence "it must be ..."."""
    holds: Callable[[Any], bool]
    """Whether a value is allowed; takes values of any type."""


def integer(low: int, high: int) -> Rule:
    """A whole number from ``low`` to ``high``; true and false are none."""
    return Rule(f"a whole number from {low} to {high}", lambda value: is_integer(value) and low <= value <= high)


def number(low: float, high: float, *, above: bool = False, below: bool = False) -> Rule:
    """A finite number in a range.

    Args:
        low: lower end of the range.
        high: upper end of the range.
        above: leave out ``low`` itself.
        below: leave out ``high`` itself.
    """

    def holds(value: Any) -> bool:
        if not is_number(value):
            return False
        return (low < value if above else low <= value) and (value < high if below else value <= high)

    if not above and not below:
        return Rule(f"a number from {low:g} to {high:g}", holds)
    words = f"{'above' if above else 'of at least'} {low:g} and {'below' if below else 'at most'} {high:g}"
    return Rule(f"a number {words}", holds)


def boolean() -> Rule:
    """True or false."""
    return Rule("true or false", lambda value: isinstance(value, bool))


def text(longest: int) -> Rule:
    """Text of at most so many characters that UTF-8 can hold, so no lone surrogates."""
    return Rule(f"text of at most {longest} characters", lambda value: is_text(value, longest))


def one_of(*values: Any) -> Rule:
    """One of a few values, of the same type: true is not 1."""
    allowed = " or ".join(filter(None, (", ".join(map(repr, values[:-1])), repr(values[-1]))))
    return Rule(allowed, lambda value: any(type(value) is type(each) and value == each for each in values))


def optional(rule: Rule) -> Rule:
    """What another rule allows, or None."""
    return Rule(f"{rule.allowed}, or none", lambda value: value is None or rule.holds(value))


def many(rule: Rule, least: int, most: int) -> Rule:
    """A list or tuple of ``least`` to ``most`` values, each of which another rule allows."""
    count = f"{least}" if least == most else f"{least} to {most}"

    def holds(value: Any) -> bool:
        return isinstance(value, list | tuple) and least <= len(value) <= most and all(map(rule.holds, value))

    return Rule(f"a list of {count} values, each {rule.allowed}", holds)


def plain_mapping(entries: int = 10_000, depth: int = 8) -> Rule:
    """A mapping of names to JSON values, none nested deeper than ``depth``."""
    allowed = f"a mapping of names to JSON values, at most {entries} of them, nested at most {depth} deep"
    return Rule(allowed, lambda value: isinstance(value, Mapping) and _left(value, entries, depth) >= 0)


def check_fields(values: Any, rules: Mapping[str, Rule], place: str = "", required: Sequence[str] = ()) -> None:
    """Checks the fields of a mapping.

    Args:
        values: anything; it must be a mapping. Fields without a rule are passed over.
        rules: field -> its rule.
        place: dotted name of the mapping, for messages.
        required: fields that must be there.

    Raises:
        InputError: ``values`` is no mapping, a required field is missing, or a value breaks its rule.
    """
    require(isinstance(values, Mapping), place or "it", quoted(values), "a mapping of names to values")
    for name in required:
        if name not in values:
            raise InputError(f"{place}{'.' * bool(place)}{name} is missing", name)
    for name, rule in rules.items():
        if name in values:
            full_name = f"{place}.{name}" if place else name
            require(rule.holds(values[name]), full_name, quoted(values[name]), rule.allowed)


def is_integer(value: object) -> bool:
    """Whether a value is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether a value is a finite number that a float can hold; true and false are none."""
    if isinstance(value, float):
        return math.isfinite(value)
    return is_integer(value) and abs(value) < 2**1000  # pyright: ignore[reportArgumentType]


def is_text(value: object, longest: int) -> bool:
    """Whether a value is text of at most so many characters without lone surrogates."""
    if not isinstance(value, str) or len(value) > longest:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _left(value: object, entries: int, depth: int) -> int:
    """Number of entries that are left after a JSON value; -1 if it has too many, is too deep, or is no JSON value."""
    if value is None or isinstance(value, bool | float) or is_integer(value) or is_text(value, 10_000):
        return entries
    if depth == 0 or not isinstance(value, Mapping | list | tuple):
        return -1
    if isinstance(value, Mapping) and not all(is_text(name, 10_000) for name in value):
        return -1
    entries -= len(value)
    for each in value.values() if isinstance(value, Mapping) else value:
        if entries < 0:
            return -1
        entries = _left(each, entries, depth - 1)
    return entries
