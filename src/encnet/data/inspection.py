"""Reads a photograph or a label map once, and keeps only numbers of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageStat

from encnet.data.class_indices import IGNORE
from encnet.data.class_masks import ClassMasks
from encnet.data.connected_objects import Objects, find_objects, reduction
from encnet.data.geo.window_labels import WindowLabels
from encnet.data.image_facts import ImageFacts, describe_image
from encnet.data.labels import LabelSet
from encnet.data.orientation import own_turn
from encnet.data.perceptual_hash import perceptual_hash
from encnet.data.pixels import picture, scaled
from encnet.data.raw_counts import RawCounter
from encnet.data.sample_files import ImageFile, LabelFile
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.data.stored_values import proposed_range
from encnet.system.errors import InputError

_SMALL_SIDE = 256  # pixels; brightness, contrast and hash do not need more


class PhotographFinding(NamedTuple):
    """What was read from one photograph."""

    size: tuple[int, int] | None
    """(width, height), upright; None if the file cannot be read."""
    problem: str | None
    """One sentence, or None if the file has no problem."""
    digest: str = ""
    """Hash of the file's bytes; empty if it cannot be read, or is a window of a raster."""
    brightness: float = 0.0
    """Mean grey level, 0-255."""
    contrast: float = 0.0
    """Standard deviation of the grey levels, 0-127.5."""
    facts: ImageFacts | None = None
    """What the header of the file says; None if it cannot be read."""
    look: str = ""
    """Perceptual hash (:func:`encnet.data.perceptual_hash.perceptual_hash`); empty if there is nothing to see."""


class LabelFinding(NamedTuple):
    """What was read from one label map."""

    size: tuple[int, int] | None
    """(width, height), upright; None if the file cannot be read."""
    problem: str | None
    """One sentence, or None if the file has no problem."""
    pixels: tuple[tuple[int, int], ...] = ()
    """(class or ``ignore``, number of pixels) for each that occurs; empty if the map has a problem."""
    raw: tuple[tuple[int, int], ...] = ()
    """(value or packed colour, number of pixels), see :meth:`encnet.data.raw_counts.RawCounter.count`; empty if the
    file cannot be read."""
    objects: tuple[tuple[int, tuple[Objects, ...]], ...] = ()
    """(class, its objects from narrow to wide); empty if the map has a problem."""
    ignore: int = IGNORE
    """The index of ignored pixels."""
    overlap: int = 0
    """Number of pixels in the masks of two or more classes, if there is a mask for each class."""
    orientation: int = 1
    """The EXIF orientation of its file, by which it was turned."""

    @property
    def class_pixels(self) -> dict[int, int]:
        """Class -> number of pixels, for each that occurs, without ignored pixels."""
        return {target: number for target, number in self.pixels if target != self.ignore}

    @property
    def ignored(self) -> float:
        """Share of the pixels that are ignored, 0-1."""
        counts = dict(self.pixels)
        return counts.get(self.ignore, 0) / max(1, sum(counts.values()))


def inspect_image(path: ImageFile, source: ImageSource = PHOTOGRAPHS) -> PhotographFinding:
    """Everything about a photograph that a check needs, or the reason why it cannot be read.

    The file is decoded to its end: a damaged file cannot be found otherwise.

    Args:
        path: the photograph.
        source: how it is read. Without a range of values yet, the values of this file alone give its brightness.
    """
    try:
        # First: the decoder then reads from memory what was read from the disk once. Windows of a raster differ.
        digest = _digest(path) if isinstance(path, Path) else ""
        if source.percentiles:
            values, valid, facts = source.values(path)
            there = values if valid is None else values[valid]
            image = picture(scaled(values, (proposed_range(there),), (0,) * values.shape[2], valid))
        else:
            pixels, valid, facts = source.read(path)
            image = picture(pixels)
        if isinstance(path, Path) and path.suffix.lower() in (".tif", ".tiff"):
            facts = facts._replace(pages=describe_image(path).pages)
    except (InputError, OSError) as error:
        return PhotographFinding(None, str(error))
    grey = _small_grey(image)
    brightness, contrast = _brightness(grey, valid)
    look = perceptual_hash(grey, contrast)
    return PhotographFinding(facts.shown_size, None, digest, round(brightness, 2), round(contrast, 2), facts, look)


def inspect_label(
    path: LabelFile, labels: LabelSet, counter: RawCounter, source: ImageSource = PHOTOGRAPHS
) -> LabelFinding:
    """Everything about a label map that a check needs, or the reason why it cannot be read or decoded.

    Args:
        path: the label map. In that of a window of a raster, pixels without data have no label.
        labels: the meaning of the label maps.
        counter: counts their raw values; one for all files, since its table is large.
        source: how rasters are read.
    """
    size, raw_counts, overlap = None, {}, 0
    try:
        if isinstance(path, ClassMasks):
            raw, overlap = path.drawn()
        else:
            raw = path.with_data(source.bands) if isinstance(path, WindowLabels) else labels.read(path)
        size = (raw.shape[1], raw.shape[0])
        raw_counts = counter.count(raw)
        pixels = _class_pixels(raw, raw_counts, path, labels, counter)
        step = reduction(*raw.shape)
        objects = find_objects(labels.decode(raw[::step, ::step], path), step)
    except InputError as error:
        return LabelFinding(size, str(error), raw=tuple(sorted(raw_counts.items())))
    return LabelFinding(
        size,
        None,
        pixels=tuple(sorted(pixels.items())),
        raw=tuple(sorted(raw_counts.items())),
        objects=tuple(objects.items()),
        ignore=labels.ignore,
        overlap=overlap,
        orientation=own_turn(path),
    )


def _digest(path: Path) -> str:
    """Hash of the bytes of a file."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _class_pixels(
    raw: np.ndarray, raw_counts: dict[int, int], path: LabelFile, labels: LabelSet, counter: RawCounter
) -> Counter[int]:
    """Class or ``labels.ignore`` -> number of pixels. The map is decoded only where the counts do not say it."""
    if labels.undeclared is None and not raw_counts.keys() <= counter.targets.keys():
        values, pixels = np.unique(labels.decode(raw, path), return_counts=True)
        return Counter(dict(zip(values.tolist(), pixels.tolist(), strict=True)))
    classes: Counter[int] = Counter()
    for value, number in raw_counts.items():
        target = counter.targets.get(value, labels.undeclared)
        assert target is not None
        classes[target] += number
    return classes


def _brightness(grey: Image.Image, valid: np.ndarray | None) -> tuple[float, float]:
    """Mean and standard deviation of the grey levels of a small copy, of pixels with data only; 0 if there are none."""
    mask = None if valid is None else Image.fromarray(valid.astype(np.uint8) * 255).resize(grey.size)
    if mask is not None and mask.getbbox() is None:
        return 0.0, 0.0
    statistics = ImageStat.Stat(grey, mask)
    return statistics.mean[0], statistics.stddev[0]


def _small_grey(image: Image.Image) -> Image.Image:
    """A grey copy of at most ``_SMALL_SIDE`` to twice as many pixels a side.

    A large image is sampled first and averaged then, which takes a fifth of the time of averaging all pixels.
    """
    factor = max(1, max(image.size) // _SMALL_SIDE)
    skip = max(1, factor // 4)
    if skip > 1:
        image = image.resize((max(1, image.width // skip), max(1, image.height // skip)), Image.Resampling.NEAREST)
    average = max(1, factor // skip)
    return (image.reduce(average) if average > 1 else image).convert("L")
