"""Which files of a folder a labelling tool wrote, and what becomes of all others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from encnet.data.labelling.annotations import AnnotatedImage, Annotations, json_keys, read_json, read_xml, shown_name
from encnet.data.labelling.photographs import NOT_READ, OTHER_PICTURES, PHOTOGRAPH_SUFFIXES, is_hidden, visible_files
from encnet.system.errors import InputError
from encnet.system.folders import files_below
from encnet.system.ledger import Ledger

ANNOTATION_SUFFIXES = frozenset({".json", ".xml", ".yaml", ".yml", ".txt", ".png"})
"""Suffixes of the files that readers are asked about: documents, tables of classes, text files of polygons, masks."""
_DOCUMENTS = {".json": read_json, ".xml": read_xml}
"""Suffixes of files that are annotations if they are of a labelling tool, and nothing that is used if they are not."""

_KEYS_OF_LABELS = frozenset({"shapes", "imagePath", "annotations", "categories", "segmentation"})
"""Keys of JSON files that hold labels, even if a key is missing that their tool needs."""
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})
_ARCHIVE = "an archive; import it alone if it is a .zip of a tool, or else unpack it"

_EXPORT = (
    "export the labels as labelme's JSON, 'CVAT for images 1.1', COCO JSON, Label Studio's JSON, YOLO segmentation, or"
    " masks with a labelmap.txt"
)


class Reader(Protocol):
    """The interface of a tool's module."""

    def detect(self, path: Path) -> bool:
        """Whether the tool wrote the file."""
        ...

    def read(self, files: list[Path], root: Path, images: Path | None) -> Annotations:
        """The annotations in the files; raises InputError if none can be read."""
        ...


@dataclass(frozen=True)
class Survey:
    """The files of an export."""

    format: str
    """Name of the tool."""
    files: list[Path]
    """The files of the tool."""
    root: Path
    """The folder that they are in."""
    others: list[Path] = field(default_factory=list)
    """All other files of the folder that are not in the ledger; none if the source is one file."""
    ledger: Ledger = field(default_factory=Ledger)
    """The annotation files that are not read, and hidden files."""

    def leave_out(self, reason: str, images: Iterable[AnnotatedImage], meant: bool = True) -> None:
        """Adds photographs to the ledger; arguments as :meth:`Ledger.leave_out`."""
        names = (image.name if image.file is None else shown_name(image.file, self.root) for image in images)
        self.ledger.leave_out(reason, *names, meant=meant)


def survey_source(source: Path, format: str | None, readers: Mapping[str, Reader]) -> Survey:
    """Finds the files of one tool.

    Args:
        source: the tool's file, or a folder that is searched with its sub-folders.
        format: name of the tool; None takes the first one that wrote a file.
        readers: every tool by name.

    Raises:
        InputError: there is no such file or folder, or no file that the tool, or any tool, wrote.
    """
    if source.is_file():
        fitting = [format] if format else [name for name, reader in readers.items() if reader.detect(source)]
        if fitting:  # a file of a given format must be readable
            return Survey(fitting[0], [source], source.parent)
        fault, meant = _fault(source)
        raise InputError(f"{source} is {fault}" if meant else f"{source} is {fault}; {_EXPORT}")
    if not source.is_dir():
        raise InputError(f"there is no file or folder {source}; correct the path")
    paths = sorted(files_below(source))
    hidden = [path for path in paths if is_hidden(path.relative_to(source))]
    visible = [path for path in paths if not is_hidden(path.relative_to(source))]
    candidates = [path for path in visible if path.suffix.lower() in ANNOTATION_SUFFIXES]
    documents = [path for path in visible if path.suffix.lower() in _DOCUMENTS]
    ledger = Ledger()
    for name in readers if format is None else [format]:
        files = [path for path in candidates if readers[name].detect(path)]
        if files:
            others = sorted(set(visible) - {*files, *documents})
            for path in sorted(set(documents) - set(files)):
                _leave_out(path, source, name, format is None, readers, ledger)
            ledger.leave_out("hidden", *(shown_name(path, source) for path in hidden), meant=False)
            return Survey(name, files, source, others, ledger)
    faults = [(path, *_fault(path)) for path in documents]
    damaged = [f"{shown_name(path, source)} is {fault}" for path, fault, meant in faults if meant]
    if damaged:
        more = f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""
        raise InputError(f"{source} has no annotation file that can be read: {damaged[0]}{more}")
    if format is not None:
        raise InputError(f"{source} has no file that {format} writes; export the labels again", "format")
    raise InputError(f"{source} has no file of a known tool; {_EXPORT}")


def _leave_out(
    path: Path, root: Path, chosen: str, guessed: bool, readers: Mapping[str, Reader], ledger: Ledger
) -> None:
    """Notes why an annotation file is not one of the chosen tool."""
    reason, meant = _fault(path)
    other = next((name for name, reader in readers.items() if name != chosen and reader.detect(path)), None)
    if other is not None and not meant:
        reason = f"a file of {other} beside files of {chosen}; import it alone with the format '{other}'"
        meant = guessed
    keys = sorted(_KEYS_OF_LABELS & json_keys(path))
    if keys and other is None and not meant:
        reason = f"it has {' and '.join(keys)}, but lacks what a known tool writes with that; export it again"
        meant = True
    ledger.leave_out(reason, shown_name(path, root), meant=meant)


def _fault(path: Path) -> tuple[str, bool]:
    """Why no tool wrote a file, and whether its owner probably means it to be read."""
    try:
        if path.suffix.lower() in _DOCUMENTS:
            _DOCUMENTS[path.suffix.lower()](path)
    except InputError as error:
        return str(error).removeprefix(f"{path} is "), True
    return "not an annotation file of a known tool", False


def account(survey: Survey, annotations: Annotations, used: Iterable[Path], images: Path | None) -> None:
    """Counts the files that were used, and those that nobody asked for.

    Args:
        survey: the files of the export; its ledger has those already that were left out.
        annotations: what was read from them.
        used: the photographs that were written.
        images: folder of the photographs, if the user gave one.
    """
    ledger = survey.ledger
    named = {name for entry in ledger.left_out.values() for name in entry.names}
    ledger.use("annotation files", sum(shown_name(path, survey.root) not in named for path in survey.files))
    photographs = {path.resolve() for path in used}
    ledger.use("photographs", len(photographs))
    if annotations.sources is None:  # the reader does not say what else it read
        return
    known = photographs | {path.resolve() for path in annotations.sources}
    others = [*survey.others, *(() if images is None else sorted(visible_files(images)))]
    kinds: dict[str, list[str]] = {}
    for path in {path.resolve(): path for path in others}.values():
        name = shown_name(path, survey.root)
        if path.resolve() not in known and name not in named:
            kinds.setdefault(_kind(path), []).append(name)
    for reason, names in sorted(kinds.items(), reverse=True):
        ledger.leave_out(reason, *names, meant=reason == _ARCHIVE)


def _kind(path: Path) -> str:
    if path.suffix.lower() in _ARCHIVES:
        return _ARCHIVE
    if path.suffix.lower() in PHOTOGRAPH_SUFFIXES:
        return "photographs for which no annotations were read"
    if path.suffix.lower() in OTHER_PICTURES:
        return f"pictures without annotations; {NOT_READ}"
    return "neither photographs nor annotation files"
