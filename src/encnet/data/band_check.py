"""Checks of the photographs of a data set against each other: the same bands, alpha bands, further pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from encnet.data.image_facts import ImageFacts
from encnet.data.sample_files import ImageFile
from encnet.data.source import ImageSource

_NAMED = 3  # files that a note names


def different_images(facts: Mapping[ImageFile, ImageFacts], source: ImageSource) -> Iterator[tuple[ImageFile, str]]:
    """Photographs with other bands or numbers than most; each with a sentence about it.

    Photographs without settings may be grey or RGB: they are all read as RGB.
    """
    kinds = {path: str(fact) for path, fact in facts.items()}
    if source.is_default or len(set(kinds.values())) < 2:
        return
    usual, _ = Counter(kinds.values()).most_common(1)[0]
    for path, kind in kinds.items():
        if kind != usual:
            yield (
                path,
                (
                    f"{path} has {kind}, but most photographs of the data set have {usual}; save them all alike,"
                    " or leave it out"
                ),
            )


def image_notes(facts: Mapping[ImageFile, ImageFacts], source: ImageSource) -> Iterator[tuple[ImageFile, str]]:
    """What is not used of photographs: alpha bands and further pages; each with the first file and a sentence."""
    read = source.bands or ()
    alpha = [path for path, fact in facts.items() if fact.alpha and fact.bands + 1 not in read]
    if alpha:
        number = facts[alpha[0]].bands + 1
        yield (
            alpha[0],
            (
                f"transparency is not used: {_named(alpha)} an alpha band; if it holds a band of the image, name it in"
                f" dataset.yaml, as `bands: {list(range(1, number + 1))}`"
            ),
        )
    pages = [path for path, fact in facts.items() if fact.pages > 1]
    if pages:
        yield pages[0], f"only the first page is used: {_named(pages)} several pages or frames"


def _named(paths: list[ImageFile]) -> str:
    names = ", ".join(str(path) for path in paths[:_NAMED])
    if len(paths) == 1:
        return f"{names} has"
    return f"{names}{', ...' if len(paths) > _NAMED else ''} ({len(paths)} photographs) have"
