"""Ways to damage values and files, which the kinds share."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    -1,
    0,
    3,
    2**31,
    2**63,
    10**12,
    10**40,
    -0.5,
    1e308,
    math.nan,
    math.inf,
    -math.inf,
    "",
    "512",
    "x" * 100_000,
    "[/red]",
    "\x1b[2J",
    "line\nline",
    "\ud800",
    "../../etc/passwd",
    [],
    [[]],
    [None, None, None],
    [0, 0, 0],
    [math.nan] * 3,
    [10**12] * 4,
    ["a"] * 70_000,
    [1] * 100_000,
    {},
    {"a": {"b": [1]}},
    {"checkpoint_path": "other.pth"},
)
"""Values of wrong types and ranges, as JSON can hold them."""


def junk(rng: random.Random) -> Any:
    """One of :data:`JUNK`, or a list nested deeply."""
    if rng.random() < 0.03:
        nested: Any = 0
        for _ in range(rng.choice((20, 400))):
            nested = [nested]
        return nested
    return rng.choice(JUNK)


def changed(values: Mapping[str, Any], rng: random.Random) -> tuple[str, dict[str, Any]]:
    """A mapping with one field, perhaps of a mapping in it, replaced, removed or added; and what was done."""
    values = dict(values)
    inner = [name for name, value in values.items() if isinstance(value, Mapping) and value]
    if inner and rng.random() < 0.5:
        name = rng.choice(inner)
        what, values[name] = changed(values[name], rng)
        return f"{name}.{what}", values
    name, way = rng.choice(list(values)), rng.random()
    if way < 0.1:
        del values[name]
        return f"{name} removed", values
    if way < 0.15:
        values["sparkle"] = junk(rng)
        return "a field added", values
    values[name] = junk(rng)
    return f"{name} = {str(values[name])[:40]!r}", values


def damaged(content: bytes, rng: random.Random, head: int | None = None) -> tuple[str, bytes]:
    """Bytes cut off, exchanged or inserted.

    Args:
        content: the bytes of a sound file.
        rng: random numbers.
        head: exchange bytes among so many first ones only; None exchanges them anywhere.
    """
    way, place = rng.randrange(4), rng.randrange(min(len(content), head or len(content)))
    if way == 0:
        return f"cut off after {place} bytes", content[:place]
    if way == 1:
        return "random bytes", rng.randbytes(min(len(content), 4096))
    if way == 2:
        return f"bytes inserted at {place}", content[:place] + rng.randbytes(8) + content[place:]
    array = bytearray(content)
    for _ in range(rng.choice((1, 4, 64))):
        array[rng.randrange(min(len(content), head or len(content)))] = rng.randrange(256)
    return "bytes exchanged", bytes(array)


def changed_anywhere(value: Any, rng: random.Random) -> tuple[str, Any]:
    """Mappings and lists in each other, with one value anywhere in them replaced, or removed; and what was done."""
    inner: list[Any] = list(value) if isinstance(value, Mapping) else list(range(len(value)))
    if not inner:
        return "an empty list filled", [junk(rng)]
    place = rng.choice(inner)
    copy = dict(value) if isinstance(value, Mapping) else list(value)
    if isinstance(copy[place], Mapping | list) and rng.random() < 0.85:
        what, copy[place] = changed_anywhere(copy[place], rng)
        return f"{place}.{what}", copy
    if rng.random() < 0.1:
        del copy[place]
        return f"{place} removed", copy
    copy[place] = junk(rng)
    return f"{place} = {str(copy[place])[:40]!r}", copy
