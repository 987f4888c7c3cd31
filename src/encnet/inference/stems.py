"""Names of the results of each file, such that no result overwrites another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, count
from pathlib import Path

from encnet.system.ledger import NAMED


def output_stems(paths: Iterable[Path], reserved: Iterable[str] = ()) -> list[str]:
    """A file name without suffix for the results of each image, such that no result overwrites another.

    It is the stem of the image if no earlier image has it; otherwise the stem with folder and suffix, or with a number.
    ``reserved`` stems, of other files in the same folder, are not used.
    """
    taken = {stem.casefold() for stem in reserved}
    stems = []
    for path in paths:
        named = [path.stem, f"{path.parent.name}_{path.stem}", f"{path.parent.name}_{path.name.replace('.', '_')}"]
        numbered = (f"{path.stem}_{number}" for number in count(2))
        stem = next(stem for stem in chain(named, numbered) if taken.isdisjoint(_files(stem)))
        taken |= _files(stem)
        stems.append(stem)
    return stems


def renamed_note(stems: Mapping[Path, str]) -> str | None:
    """A sentence that names the first files whose results cannot have the name of the file; None if there are none.

    Args:
        stems: file -> stem of its results.
    """
    renamed = [f"{path} as {stem}" for path, stem in stems.items() if stem != path.stem]
    if not renamed:
        return None
    more = f" and {len(renamed) - NAMED} more" if len(renamed) > NAMED else ""
    return f"results get other names where files share one: {', '.join(renamed[:NAMED])}{more}"


def _files(stem: str) -> set[str]:
    # Some file systems ignore case; and "x_overlay" can be both the overlay of x and the name of an image.
    return {stem.casefold(), f"{stem}_overlay".casefold(), f"{stem}_confidence".casefold()}
