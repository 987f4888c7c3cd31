"""Contact sheets: small pictures of photographs with their label maps over them, chosen to show every class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from encnet.data.dataset import Sample
from encnet.data.findings import Findings
from encnet.data.geo.window import Window
from encnet.data.images import as_photograph
from encnet.data.labels import LabelSet
from encnet.data.pixels import picture
from encnet.data.sample_files import ImageFile, describe
from encnet.data.samples import read_sample, upright_label
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.reports.pictures import overlay
from encnet.system.errors import InputError

MOST_SHOWN: int = 12
"""Upper bound on the samples in a contact sheet."""

THUMBNAIL_SIDE: int = 360
"""Upper bound on the long side of a small picture, in pixels."""

_STRIPE, _STRIPE_PERIOD = 3, 10  # pixels, of the hatching of ignored pixels
_STRIPE_COLOR = (190, 190, 190)


class Chosen(NamedTuple):
    """A sample of a contact sheet."""

    sample: Sample
    """The sample."""
    shows: tuple[int, ...]
    """The classes in it that no earlier sample of the sheet has."""


def choose_samples(samples: Sequence[Sample], findings: Findings, most: int = MOST_SHOWN) -> list[Chosen]:
    """Chooses samples that together show every class, rare classes first, and fills up with evenly spaced ones.

    Each step takes the class that is in the fewest images and not shown yet, and of its images the one with the most
    classes that are not shown yet, or among equals the one with the most pixels of the rare class.

    Args:
        samples: samples of a split. Unreadable ones, and label maps with a problem, are passed over.
        findings: what was read from their files.
        most: maximum number of samples that are chosen.
    """
    classes: dict[Sample, dict[int, int]] = {}
    for sample in samples:
        image, label = findings.images.get(sample.image), None
        if sample.label is not None:
            label = findings.labels.get(sample.label)
        if image is not None and image.problem is None and (sample.label is None or (label and label.problem is None)):
            classes[sample] = label.class_pixels if label else {}
    images_of = Counter(c for present in classes.values() for c in present)
    missing = set(images_of)
    chosen: list[Chosen] = []
    while missing and len(chosen) < most:
        rarest = min(missing, key=lambda c: (images_of[c], c))
        having = [sample for sample, present in classes.items() if rarest in present]
        best = max(having, key=lambda sample: (len(missing & classes[sample].keys()), classes[sample][rarest]))
        shows = missing & classes[best].keys()
        chosen.append(Chosen(best, tuple(sorted(shows))))
        missing -= shows
    taken = {choice.sample for choice in chosen}
    rest = [sample for sample in classes if sample not in taken]
    positions = np.linspace(0, len(rest) - 1, min(most - len(chosen), len(rest))).round().astype(int)
    return chosen + [Chosen(rest[position], ()) for position in positions]


def thumbnail(path: ImageFile, side: int = THUMBNAIL_SIDE, source: ImageSource = PHOTOGRAPHS) -> Image.Image:
    """A small upright RGB copy of a photograph; its long side has at most ``side`` pixels.

    Args:
        path: the photograph.
        side: length in pixels.
        source: how it is read; of more than three bands, the first three are shown.

    Raises:
        InputError: the file cannot be read.
    """
    draft = _draft(path, side) if source.is_default and isinstance(path, Path) else None
    small = draft or picture(source.read(path).pixels).copy()
    small.thumbnail((side, side), reducing_gap=2)
    return small


def labelled_thumbnail(
    sample: Sample, labels: LabelSet, side: int = THUMBNAIL_SIDE, source: ImageSource = PHOTOGRAPHS
) -> Image.Image:
    """A small copy of a photograph under the colours of its label map; ignored pixels are dark and hatched.

    A label map that is missing, cannot be decoded, or does not fit leaves the photograph as it is.

    Raises:
        InputError: the photograph cannot be read.
    """
    small = thumbnail(sample.image, side, source)
    if sample.label is None:
        return small
    try:
        if isinstance(sample.image, Window) or not source.is_default:  # pixels without data have no label either
            classes = read_sample(sample, labels, source)[1]
        else:
            classes = upright_label(sample, labels.load(sample.label), describe(sample.image), source)
    except InputError:  # the check lists it among the problems
        return small
    reduced = np.asarray(Image.fromarray(classes).resize(small.size, Image.Resampling.NEAREST))
    shown = overlay(small, reduced, labels.palette)
    rows, columns = np.indices(reduced.shape)
    stripes = (reduced == labels.ignore) & ((rows + columns) % _STRIPE_PERIOD < _STRIPE)
    shown.paste(_STRIPE_COLOR, mask=Image.fromarray(stripes.astype(np.uint8) * 255))
    return shown


def _draft(path: Path, side: int) -> Image.Image | None:
    """A JPEG decoded at an eighth to a half of its size, in a third of the time; None for other files."""
    try:
        with Image.open(path) as image:
            if image.format != "JPEG" or image.mode not in {"L", "RGB"}:
                return None
            image.draft(image.mode, (side, side))
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return as_photograph(image, str(path))
    except Exception:  # the full decoder says what is wrong
        return None
