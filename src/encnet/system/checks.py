"""Range checks of arguments, all with the same error message."""

from __future__ import annotations

import reprlib

from encnet.system.errors import InputError

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlong = 40
_SHORT.maxlevel = 3


def require(condition: bool, name: str, value: object, allowed: str) -> None:
    """Raises an error that names an argument unless its value is in range.

    Args:
        condition: whether the value is in range.
        name: name of the argument, "size" or "loss.se_weight" for example.
        value: value of the argument, for the message, which shows at most 200 characters of it.
        allowed: the allowed values, as the end of the sentence "it must be ...".

    Raises:
        InputError: ``condition`` is false; its ``argument`` is ``name``.
    """
    if not condition:
        raise InputError(f"{name} is {shortened(str(value))}; it must be {allowed}", name)


def shown(value: object) -> str:
    """A value of any type as text of a few words, as ``repr`` shows it, for the message of an error."""
    try:
        return _SHORT.repr(value)
    except Exception:  # the repr of a foreign object can raise anything
        return f"a {type(value).__name__}"


def shortened(line: str, longest: int = 200) -> str:
    """The text on one line, its middle left out if it is longer than ``longest`` characters.

    Control characters, and others that a terminal obeys instead of showing, are written as escapes.
    """
    line = " ".join(line.split())
    line = line if len(line) <= longest else f"{line[: longest * 2 // 3]} ... {line[-(longest // 3) :]}"
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
