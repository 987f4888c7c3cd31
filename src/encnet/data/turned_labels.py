"""Label maps that their own EXIF orientation turns otherwise than that of their photographs turns those."""

from __future__ import annotations

from collections.abc import Iterator

from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.findings import Findings
from encnet.data.orientation import turn_words
from encnet.data.sample_files import LabelFile


def turned_label_maps(index: DatasetIndex, findings: Findings) -> Iterator[tuple[LabelFile, str]]:
    """The first label map with another EXIF orientation than its photograph, and a sentence, if there are any.

    Photographs are often saved anew without their orientation, and label maps with the orientation of what they were
    drawn on. Nothing tells which of the two files is right.

    Args:
        index: the data set.
        findings: what was read from its files.
    """
    turned: dict[LabelFile, Sample] = {}
    for sample in (each for samples in index.splits.values() for each in samples):
        image, label = findings.images.get(sample.image), None
        if sample.label is not None:
            label = findings.labels.get(sample.label)
        if sample.label is None or label is None or image is None or image.facts is None:
            continue
        if label.orientation not in (1, image.facts.orientation):
            turned.setdefault(sample.label, sample)
    if turned:
        first, sample = next(iter(turned.items()))
        number = len(turned)
        yield (
            first,
            f"the EXIF orientation of the label map {first} {turn_words(findings.labels[first].orientation)}, but its"
            f" photograph {sample.image} has another one or none ({number} label map{'s' * (number != 1)}); label maps"
            " are read turned: remove their EXIF orientation if they lie on their photographs without it",
        )
