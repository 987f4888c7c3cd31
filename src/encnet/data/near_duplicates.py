"""Photographs of different splits that look alike: frames of one video, copies at another size or quality."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from encnet.data.dataset import DatasetIndex
from encnet.data.findings import Findings
from encnet.data.perceptual_hash import nearest_hashes
from encnet.data.sample_files import ImageFile, name_in
from encnet.system.ledger import NAMED

MOST_DIFFERENT: int = 40
"""Bits, of 256, in which the hashes of near-duplicates differ at most.

Measured on CamVid: copies at half the size, of low quality, brighter by 30 %, turned by one degree or cut by 2 % at
each side differ in up to 40 bits, and neighbouring frames of its video at 15 Hz in 19 (median). The closest of its
37067 pairs of a photograph of train and one of val, which are of other moments, differ in 80.
"""


class NearDuplicate(NamedTuple):
    """A photograph, and the one of an earlier split that it resembles most."""

    split: str
    """Split of ``image``."""
    image: ImageFile
    """The photograph."""
    other_split: str
    """The earlier split."""
    other: ImageFile
    """Its photograph that is closest to ``image``."""
    distance: int
    """Bits in which their hashes differ, 0 to ``MOST_DIFFERENT``."""


def near_duplicates(index: DatasetIndex, findings: Findings) -> tuple[NearDuplicate, ...]:
    """Photographs that resemble one of an earlier split, each with the closest one, in the order of the splits.

    Windows of rasters are no photographs: fields look alike, and
    :func:`encnet.data.geo.overlap.overlapping_splits` knows which of them show the same ground. Splits that contain
    others on purpose are left out, and so are pairs of files that are equal byte for byte, which have a warning of
    their own, and photographs without contrast.
    """
    hashed = {
        split: [
            (sample.image, finding.digest, finding.look)
            for sample in samples
            if isinstance(sample.image, Path)
            and (finding := findings.images.get(sample.image)) is not None
            and finding.look
        ]
        for split, samples in index.splits.items()
        if split not in index.combined
    }
    found = []
    for (other_split, others), (split, images) in combinations(hashed.items(), 2):
        if images and others:
            positions, distances = nearest_hashes((look for *_, look in images), (look for *_, look in others))
            for (image, digest, _), position, distance in zip(images, positions, distances.tolist(), strict=True):
                other, other_digest, _ = others[position]
                if distance <= MOST_DIFFERENT and digest != other_digest:
                    found.append(NearDuplicate(split, image, other_split, other, distance))
    return tuple(found)


def near_duplicate_messages(found: Iterable[NearDuplicate], root: Path) -> list[str]:
    """One sentence for each two splits that have near-duplicates: their number, and the first three pairs."""
    by_splits: dict[tuple[str, str], list[NearDuplicate]] = {}
    for pair in found:
        by_splits.setdefault((pair.split, pair.other_split), []).append(pair)
    messages = []
    for (split, other_split), pairs in by_splits.items():
        number = len(pairs)
        named = ", ".join(f"{name_in(root, p.image)} ~ {name_in(root, p.other)}" for p in pairs[:NAMED])
        messages.append(
            f"{number} {'image looks' if number == 1 else 'images look'} almost like an image of another split ({split}"
            f" ~ {other_split}: {named}{', ...' if number > NAMED else ''}); a score on copies of training images says"
            " little about new ones: keep each pair in one split"
        )
    return messages
