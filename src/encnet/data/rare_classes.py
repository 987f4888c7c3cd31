"""Classes of hardly any pixel: a slip while drawing makes a class that nobody meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from encnet.data.dataset import DatasetIndex
from encnet.data.findings import Findings
from encnet.data.sample_files import LabelFile

_MOST_PIXELS, _MOST_SHARE = 4, 0.01


def rare_classes(index: DatasetIndex, findings: Findings) -> Iterator[tuple[LabelFile, str]]:
    """Classes of at most four pixels, and one in a hundred, in all label maps together.

    Args:
        index: the data set.
        findings: what was read from its files.

    Returns:
        the first label map that has the class, and a sentence, for each of them.
    """
    pixels: Counter[int] = Counter()
    first: dict[int, LabelFile] = {}
    for label, finding in findings.labels.items():
        pixels.update(finding.class_pixels)
        for target in finding.class_pixels:
            first.setdefault(target, label)
    for target, number in sorted(pixels.items()):
        if number <= min(_MOST_PIXELS, _MOST_SHARE * pixels.total()):
            yield (
                first[target],
                f"the class '{index.labels.names[target]}' has only {number} pixel{'s' * (number != 1)} in all"
                f" label maps, {first[target]} for example; if that is a slip, mend the label map, or list the label"
                " under `ignore` in dataset.yaml, beside those that are ignored now",
            )
