"""Names of files that are one name to people: letters with accents have two Unicode forms, suffixes two cases."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath


def composed(name: str) -> str:
    """A name with each letter and its accents as one character (NFC); macOS and some archives store them apart."""
    return unicodedata.normalize("NFC", name)


def same_name(path: str) -> str:
    """A text that is equal for names and paths which differ in the form of accents or the case of the suffix alone."""
    path = composed(path)
    suffix = PurePosixPath(path).suffix
    return path.removesuffix(suffix) + suffix.lower()


def ends_in(stem: str, ending: str) -> bool:
    """Whether a stem ends in a text, in any case."""
    return composed(stem).lower().endswith(composed(ending).lower())


def without_ending(stem: str, ending: str) -> str:
    """A stem, composed, without the text in which it ends in any case; all of it if it does not end in it."""
    return composed(stem)[: len(composed(stem)) - len(composed(ending))] if ends_in(stem, ending) else composed(stem)
