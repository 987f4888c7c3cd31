"""Text that is printed: control characters and escape sequences are shown, not sent to the terminal.

Names of classes, splits and files come from strangers. So everything that is printed goes through :func:`say`, or, for
tables and bars, through :class:`encnet.system.terminal.Terminal`.
"""

from __future__ import annotations

import re
import reprlib
import sys

LONGEST: int = 2000
"""Characters of a line that are shown."""
LONGEST_NAME: int = 255
"""Bytes of a name in UTF-8; file systems take no more."""
LONGEST_PATH: int = 1000
"""Characters of a path."""
OBEYED: str = "\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""The characters that no name has, as a class of a regular expression: control characters, separators of lines, changes
of the direction of writing, and halves of surrogate pairs, which no encoding has."""
MARKS: str = "\u061c\u200e\u200f"
"""Marks of the direction of writing, which are not seen either. Names may have them, as in Arabic and Hebrew."""
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlong = 40
_SHORT.maxlevel = 3
_OBEYED = re.compile(f"[{OBEYED}]")
_ESCAPED = re.compile(f"[{OBEYED}{MARKS}]")
_FORMULA = re.compile(r"[-=+@]")


def shown(text: str, longest: int = LONGEST) -> str:
    r"""Text in one line: each character that a terminal obeys becomes its escape, ``\x1b``; a long text is shortened.

    Args:
        text: any text.
        longest: number of characters that are kept, from the beginning and from the end.
    """
    if len(text) > longest:
        text = f"{text[: longest // 2]}... ({len(text) - longest} characters) ...{text[-(longest // 2) :]}"
    return _ESCAPED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def shortened(text: str, longest: int = 200) -> str:
    """Text of a library or a file for a message, which may have several lines, as :func:`shown` makes it."""
    return shown(" ".join(text.split()), longest)


def quoted(value: object, longest: int = 80) -> str:
    """A value of any type as Python writes it, in a few words, for a message."""
    try:
        return shown(_SHORT.repr(value), longest)
    except Exception:  # the repr of a foreign object can raise anything
        return f"a {type(value).__name__}"


def counted(number: float, noun: str) -> str:
    """A number and its noun: "1 area", "2 areas", "3 classes", "1.5 minutes"."""
    shortest = number if isinstance(number, int) else f"{number:g}"
    ending = "" if number == 1 else "es" if noun.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{shortest} {noun}{ending}"


def cell(text: str) -> str:
    """A name as a cell of a table for spreadsheets, which would compute a name that begins as a formula does."""
    return f"'{text}" if _FORMULA.match(text) else text


def not_a_name(text: str, path: bool = False) -> str | None:
    """Why a text cannot be the name of a class, a split or a file, as the end of a sentence; None if it can.

    Args:
        text: any text.
        path: whether it is a path, whose parts are names.
    """
    found = _OBEYED.search(text)
    if found is not None:
        return f"which contains {shown(found[0])}; a name has no control characters"
    longest = max(len(part.encode()) for part in (text.split("/") if path else [text]))
    if longest > LONGEST_NAME or len(text) > LONGEST_PATH:
        return f"which has {len(text)} characters; a name has at most {LONGEST_NAME} bytes in UTF-8"
    return None


def say(line: str, error: bool = False) -> None:
    """Prints a line, as :func:`shown` makes it, to standard output or, for an error or a note, to standard error."""
    print(shown(line), file=sys.stderr if error else sys.stdout)
