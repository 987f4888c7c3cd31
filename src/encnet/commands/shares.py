"""Work that several processes share, and that goes on where it stopped: shares, and the settings of results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from encnet.checkpoint.hub import model_in
from encnet.system.checks import require
from encnet.system.errors import InputError

MOST_SHARES: int = 100_000
"""Largest number of shares."""

_DIGESTS = {"weights": "other weights", "labels": "another meaning of the label maps"}
"""Settings whose values say nothing to a reader -> what differs."""
_T = TypeVar("_T")


def share_of(text: str | None) -> tuple[int, int] | None:
    """Number and total of "2/4", the second of four shares; None is all of them.

    Raises:
        InputError: it is not of this form, or there is no such share.
    """
    if text is None:
        return None
    number, slash, shares = text.partition("/")
    valid = bool(slash) and all(part.isascii() and part.isdigit() and len(part) <= 6 for part in (number, shares))
    allowed = f"a number and the number of shares, 2/4 for the second of four, at most {MOST_SHARES}"
    require(valid and 1 <= int(number) <= int(shares) <= MOST_SHARES, "--share", repr(text), allowed)
    return int(number), int(shares)


def in_share(items: Iterable[_T], share: tuple[int, int] | None) -> set[_T]:
    """The items of a share: every fourth, from the second on, for (2, 4). All shares together are all items."""
    number, shares = share or (1, 1)
    return set(list(items)[number - 1 :: shares])


def digest_of_weights(checkpoint: str) -> str:
    """SHA-256 of the file of a model; for a repository of the hub its name, since the file is not downloaded."""
    path = Path(checkpoint)
    file = model_in(path) if path.is_dir() else path
    if not file.is_file():
        return checkpoint
    content = hashlib.sha256()
    weights = file.with_suffix(".bin")  # OpenVINO's files are two, and the .xml is only the graph
    for each in [file, weights] if file.suffix == ".xml" and weights.is_file() else [file]:
        with each.open("rb") as opened:
            while part := opened.read(2**20):
                content.update(part)
    return content.hexdigest()


def require_same(folder: Path, before: Mapping[str, Any], settings: Mapping[str, Any], way_out: str) -> None:
    """Refuses to go on with results that were made with other settings.

    Args:
        folder: folder of the results.
        before: the settings that they were made with.
        settings: those of now.
        way_out: what replaces these results, as in "predict without --resume".

    Raises:
        InputError: a setting differs.
    """
    for name in settings:
        if before.get(name) != settings[name]:
            what = _DIGESTS.get(name) or f"{name} {before.get(name)}, which is {settings[name]} now"
            raise InputError(
                f"the results in {folder} were made with {what}; {way_out}, or into another folder",
                "resume",
            )
