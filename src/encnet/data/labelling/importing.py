"""Imports the export of a labelling tool as a data set on disk: images/, labels/ and dataset.yaml."""

from __future__ import annotations

import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from encnet.data.labelling import coco, cvat, label_studio, labelme, masks, yolo
from encnet.data.labelling.annotations import AnnotatedImage, Annotations
from encnet.data.labelling.writing import Painting, write_images
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.palette import MAX_CLASSES, Color, distinct_palette
from encnet.system.checks import require
from encnet.system.errors import InputError

DEFAULT_VAL_SHARE: float = 0.2
IGNORE_LABEL: str = "__ignore__"
"""labelme's label for ignored areas."""


class Reader(Protocol):
    """The interface of a tool's module."""

    def detect(self, path: Path) -> bool:
        """Whether the tool wrote the file."""
        ...

    def read(self, files: list[Path], root: Path, images: Path | None) -> Annotations:
        """The annotations in the files; raises InputError if they cannot be read."""
        ...


READERS: dict[str, Reader] = {
    "labelme": labelme,
    "cvat": cvat,
    "coco": coco,
    "label_studio": label_studio,
    "yolo": yolo,
    "masks": masks,
}
"""Every tool by name."""
SUFFIXES: frozenset[str] = frozenset({".json", ".xml", ".yaml", ".yml", ".txt", ".png"})
"""Suffixes of the files that are shown to the tools' modules."""


@dataclass(frozen=True)
class Imported:
    """The result of an import."""

    root: Path
    """The folder that was written."""
    format: str
    """Name of the tool."""
    classes: tuple[str, ...]
    """Class names, in the order of their indices."""
    images: Mapping[str, int]
    """Split -> number of images."""
    unlabelled: int
    """Number of photographs left out because they have no area of a class."""
    left_out: Mapping[str, int]
    """Kind of annotation left out (no area, or area of a label that is not a class) -> number of them."""
    why: str = ""
    """What showed the format, as the end of a sentence; may be empty."""


def import_labels(
    source: str | Path,
    out: str | Path,
    format: str | None = None,
    *,
    images: str | Path | None = None,
    classes: Sequence[str] = (),
    background: str | None = None,
    ignore: Sequence[str] = (),
    val_share: float = DEFAULT_VAL_SHARE,
    order: Literal["tool", "area"] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Writes a data set from the export of a labelling tool.

    Photographs are copied as they are. Label maps are palette PNGs of class indices, 255 where nothing is labelled. The
    folder gets its name once everything in it is written.

    Args:
        source: the tool's file, a folder of its files, or the .zip that it exports.
        out: the folder to make.
        format: one of ``READERS``; None detects it.
        images: folder of the photographs, if they are not where the tool puts them.
        classes: labels that become classes, in this order; if empty, all labels in the tool's order.
        background: class of pixels outside all areas, a new one or one of the labels; None ignores these pixels.
        ignore: labels whose areas are ignored; ``__ignore__`` always is.
        val_share: share of the images for the split val, if the tool has none; the choice depends on their names alone.
        order: ``tool`` draws areas over one another as the tool does, ``area`` draws small ones over large ones; None
            means ``area`` for COCO and YOLO, whose files have no order, and ``tool`` for the others.
        progress: called after each image with the number done and the number of all.

    Raises:
        InputError: an argument is out of its range, ``out`` is not empty, the source is of no known tool or has no
            area, a photograph is missing, damaged or not of the size that was labelled, or there are too many classes.
    """
    source, out = Path(source), Path(out)
    if format is not None and format not in READERS:
        raise InputError(f"there is no format '{format}' to import; choose one of {', '.join(READERS)}", "format")
    require(0 <= val_share < 1, "val_share", val_share, "at least 0 and below 1")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not empty; delete it or choose another folder", "out")
    target = out.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as staging:
            if source.suffix.lower() == ".zip":
                source = _unpacked(source, Path(staging) / "unpacked")
            name, annotations = _read(source, format, None if images is None else Path(images))
            labels, values = _label_set(annotations, classes, background, ignore)
            complete = Path(staging) / "data"
            large_below = annotations.large_below if order is None else order == "area"
            fill = IGNORE if background is None else labels.names.index(background)
            chosen = [image for image in annotations.images if fill != IGNORE or _has_class(image, values)]
            if not chosen:
                raise InputError(f"{source} has no area of a class in any image; draw polygons, boxes or masks")
            painting = Painting(labels, values, fill, large_below)
            counts = write_images(complete, chosen, painting, val_share, target.name, progress)
            if target.exists():
                target.rmdir()  # it is empty; not every system renames onto an empty folder
            complete.replace(target)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}; choose another folder", "out") from error
    left_out = Counter(annotations.left_out)
    for image in annotations.images:
        left_out.update(f"area of '{area.label}'" for area in image.areas if area.label not in values)
    return Imported(out, name, labels.names, counts, len(annotations.images) - len(chosen), left_out, annotations.why)


def _unpacked(source: Path, folder: Path) -> Path:
    try:
        with zipfile.ZipFile(source) as archive:
            archive.extractall(folder)  # extractall keeps every file inside the folder
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:  # RuntimeError: the file has a password
        raise InputError(f"cannot unpack {source}: {error}; download it again or unpack it yourself") from error
    return folder


def _read(source: Path, format: str | None, images: Path | None) -> tuple[str, Annotations]:
    """The tool's name and the annotations in its files."""
    if images is not None and not images.is_dir():
        raise InputError(f"there is no folder of images {images}; correct the path", "images")
    if source.is_dir():
        files = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES)
        root = source
    elif source.is_file():
        files, root = [source], source.parent
    else:
        raise InputError(f"there is no file or folder {source}; correct the path")
    for name in READERS if format is None else [format]:
        # Files of other tools, or of none, may be in the folder; a single file of a given format must be readable.
        fitting = files if format and source.is_file() else [path for path in files if READERS[name].detect(path)]
        if fitting:
            return name, READERS[name].read(fitting, root, images)
    if format is not None:
        raise InputError(f"{source} has no file that {format} writes; export the labels again", "format")
    raise InputError(
        f"{source} has no file of a known tool; export the labels as labelme's JSON, 'CVAT for images 1.1', COCO JSON,"
        " YOLO segmentation or masks with a labelmap.txt"
    )


def _label_set(
    annotations: Annotations, classes: Sequence[str], background: str | None, ignore: Sequence[str]
) -> tuple[LabelSet, dict[str, int]]:
    """The classes, and a mapping of label -> class index or ``IGNORE``."""
    ignored = {*ignore, IGNORE_LABEL}
    for label in [*classes, *([] if background is None else [background])]:
        if label in ignored:
            raise InputError(f"the label '{label}' cannot be both a class and ignored; choose one", "ignore")
    known = [label for label in annotations.labels if label != IGNORE_LABEL]
    for argument, labels in (("classes", classes), ("ignore", ignore)):
        for label in labels:
            if label not in annotations.labels and label != background:
                message = f"there is no label '{label}'; the labels are {', '.join(known) or 'none'}"
                raise InputError(message, argument)
    names = list(dict.fromkeys(classes or [label for label in known if label not in ignored]))
    if background is not None and background not in names:
        names.insert(0, background)
    if not 1 <= len(names) <= MAX_CLASSES:
        raise InputError(f"there are {len(names)} labels to make classes of; choose 1 to {MAX_CLASSES}", "classes")
    if "" in names:
        raise InputError("a label has no name; give it one in the tool")
    values = {**{name: index for index, name in enumerate(names)}, **dict.fromkeys(ignored, IGNORE)}
    return LabelSet.plain(names, _palette([annotations.labels.get(name) for name in names])), values


def _palette(wanted: Sequence[Color | None]) -> list[Color]:
    """The tool's colours, and distinct ones for classes that have none or share one."""
    spare = iter(color for color in distinct_palette(MAX_CLASSES) if color not in wanted)
    palette: list[Color] = []
    for color in wanted:
        palette.append(next(spare) if color is None or color in palette else color)
    return palette


def _has_class(image: AnnotatedImage, values: Mapping[str, int]) -> bool:
    return any(values.get(area.label, IGNORE) != IGNORE for area in image.areas)
