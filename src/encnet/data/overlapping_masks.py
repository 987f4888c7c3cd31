"""Masks of two classes that overlap: which class counts there is decided by the order of the classes."""

from __future__ import annotations

from collections.abc import Iterator

from encnet.data.class_masks import ClassMasks
from encnet.data.dataset import DatasetIndex
from encnet.data.findings import Findings
from encnet.data.sample_files import name_in
from encnet.system.ledger import NAMED


def overlapping_masks(index: DatasetIndex, findings: Findings) -> Iterator[str]:
    """A sentence on the photographs in which masks of two classes overlap, if there are any.

    Args:
        index: the data set.
        findings: what was read from its files.
    """
    read = 0
    overlapping: dict[ClassMasks, float] = {}  # share of the pixels of the photograph
    pixels, overlap = 0, 0
    for label, finding in findings.labels.items():
        if not isinstance(label, ClassMasks) or finding.size is None:
            continue
        read += 1
        size = finding.size[0] * finding.size[1]
        pixels += size
        overlap += finding.overlap
        if finding.overlap:
            overlapping[label] = finding.overlap / size
    if overlapping:
        most = sorted(overlapping, key=lambda label: -overlapping[label])
        named = ", ".join(f"{name_in(index.root, label)}: {overlapping[label]:.2%}" for label in most[:NAMED])
        more = ", ..." if len(most) > NAMED else ""
        yield (
            f"masks of two classes overlap in {len(overlapping)} of {read} photographs, in {overlap / pixels:.2%} of"
            f" all pixels ({named}{more}); the class that comes later in `classes` is on top there: change their order"
            " if the other one should be, or correct the masks"
        )
