"""The plan of `encnet predict`: kind and result names of each file, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from encnet.commands.predict_part import FAILED, FILES, cell_of, predicted_before
from encnet.commands.shares import in_share, share_of
from encnet.data.source import ImageSource
from encnet.inference.areas import AREAS
from encnet.inference.inputs import expand_inputs
from encnet.inference.kinds import Kind, further_pages, kind_of
from encnet.inference.media import raster, video
from encnet.inference.media.context_memory import ContextMemory
from encnet.inference.media.large_photographs import photograph_bands
from encnet.inference.ranking import RANKING
from encnet.inference.segmentation import result_files
from encnet.inference.stems import output_stems, renamed_note
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.ledger import Ledger
from encnet.system.outputs import check_outputs

PLURALS: dict[Kind, str] = {"image": "photographs", "video": "videos", "raster": "rasters"}
"""Names of the kinds, as the ledger counts them."""


class Limited(NamedTuple):
    """A flag that some kinds of prediction ignore."""

    unset: Any  #: value of a flag that is not given
    kinds: tuple[Kind, ...]  #: kinds of prediction that use it
    way_out: str  #: what to do, besides leaving it out


_AS_RASTER = "read the files as rasters with --raster true"
LIMITED: dict[str, Limited] = {
    "bands": Limited(None, ("raster",), _AS_RASTER),
    "value_range": Limited(None, ("raster",), _AS_RASTER),
    "raster": Limited(None, ("image", "raster"), "give images"),
    "frames": Limited(False, ("video",), "give a video"),
    "context_memory": Limited(0.0, ("video",), "give a video"),
    "rank": Limited(False, ("image",), "give photographs"),
    "confidence": Limited(False, ("image",), "give photographs"),
    "probabilities": Limited(False, ("image",), "give photographs"),
    "areas": Limited(False, ("image", "raster"), "give photographs or rasters"),
    "batch_size": Limited(4, ("image", "video"), "give photographs or videos"),
}
"""Arguments that only some kinds of prediction use; :func:`make_plan` refuses them where no file is of these kinds."""
_OF_PHOTOGRAPHS = {name: Limited(None, ("image",), "give images") for name in ("bands", "value_range")}
"""What differs with ``--raster false``."""


@dataclass
class Plan:
    """What will be predicted, and what will not."""

    kinds: dict[Path, Kind]
    """File -> kind of prediction, in the order of the user."""
    stems: dict[Path, str]
    """File -> stem of the names of its results."""
    ledger: Ledger
    """The files that were found and are not used."""
    bands: dict[Path, tuple[int, int, int]] = field(default_factory=dict)
    """Photograph that is predicted as a raster, because Pillow refuses its number of pixels -> bands to use."""
    results: dict[Path, list[Path]] = field(default_factory=dict)
    """File -> the files that its prediction writes."""
    others: set[Path] = field(default_factory=set)
    """Files of other shares, which other processes predict."""
    before: set[Path] = field(default_factory=set)
    """Files of this share that have their results already."""

    def of_kind(self, *kinds: Kind) -> list[Path]:
        """The files of some kinds, of all shares."""
        return [path for path, kind in self.kinds.items() if kind in kinds]

    def to_predict(self, *kinds: Kind) -> list[Path]:
        """The files of some kinds that this process predicts."""
        return [path for path in self.of_kind(*kinds) if path not in self.others and path not in self.before]

    def notes(self) -> list[str]:
        """What the user might not expect, one sentence each."""
        notes = [f"{path} has too many pixels for a photograph and is predicted as a raster" for path in self.bands]
        renamed = renamed_note(self.stems)
        return notes if renamed is None else [*notes, renamed]

    def finish(self, predicted: Iterable[Path]) -> list[str]:
        """Completes the ledger, and returns its lines.

        Args:
            predicted: the files with results; there was an error message about each of the others.
        """
        predicted = set(predicted)
        for kind, plural in PLURALS.items():
            self.ledger.use(plural, sum(path in predicted for path in self.of_kind(kind)))
            self.ledger.use(f"{plural} predicted before", sum(path in self.before for path in self.of_kind(kind)))
        others = [str(path) for path in self.kinds if path in self.others]
        self.ledger.leave_out("of other shares", *others, meant=False)
        failed = [str(path) for path in self.to_predict(*PLURALS) if path not in predicted]
        self.ledger.leave_out("not predicted; the errors above say why", *failed)
        return self.ledger.lines()

    def fate(self, path: Path, done: Collection[Path], failed: Collection[str] = ()) -> str:
        """What became of a file, in a word or two.

        Args:
            path: the file.
            done: the files that have their results.
            failed: the files of other shares that failed, as files.csv names them.
        """
        if path in done:
            return "predicted"
        waits = path in self.others and cell_of(path) not in failed
        return "of another share, not yet" if waits else FAILED

    @property
    def complete(self) -> bool:
        """Whether nothing was left out that the user probably meant."""
        return self.ledger.complete


def make_plan(arguments: Any, source: Callable[[], ImageSource]) -> Plan:
    """Finds the files to predict, and checks everything that can be checked before anything is computed.

    Args:
        arguments: the parsed arguments of ``encnet predict``.
        source: returns how the model reads photographs; called only for TIFFs that need it, as it loads the model.

    Raises:
        InputError: a pattern matches nothing, a value is right for no file, a flag applies to none of the files, or a
            result would replace an input or a file that encnet did not write.
    """
    _require_ranges(arguments)
    ledger = Ledger()
    paths = expand_inputs(arguments.images, ledger)
    kinds: dict[Path, Kind] = {path: _kind(path, arguments, source) for path in paths}
    refuse_ignored(arguments, set(kinds.values()))
    stems = dict(zip(paths, output_stems(paths, [RANKING] if arguments.rank else ()), strict=True))
    share = share_of(arguments.share)
    results = {path: _results(arguments, kind, stems[path]) for path, kind in kinds.items()}
    plan = Plan(kinds, stems, ledger, results=results)
    plan.others = set(paths) - in_share(paths, share)
    plan.before = predicted_before(Path(arguments.out), results) - plan.others if arguments.resume else set()
    tables = [f"{RANKING}.json"] * arguments.rank + [AREAS] * arguments.areas
    tables += [FILES] * (arguments.resume or share is not None)
    written = [Path(arguments.out, name) for name in tables]
    written += [result for path in plan.to_predict(*PLURALS) for result in results[path]]
    check_outputs(written, [arguments.checkpoint, *paths], arguments.overwrite)
    for path in plan.of_kind("image", "raster"):
        ledger.leave_out_pages(str(path), further_pages(path))
    if arguments.raster is None:
        for path in plan.of_kind("raster"):
            bands = None if path.suffix.lower() in (".tif", ".tiff") else photograph_bands(path)
            if bands is not None:
                plan.bands[path] = bands
    return plan


def _require_ranges(arguments: Any) -> None:
    """Refuses values that are right for no file, which would be found only after other files were predicted."""
    require(0 <= arguments.opacity <= 1, "--opacity", arguments.opacity, "from 0 to 1")
    require(arguments.batch_size >= 1, "--batch_size", arguments.batch_size, "at least 1")
    ContextMemory(arguments.context_memory)
    ImageSource(arguments.bands, arguments.value_range)


def refuse_ignored(arguments: Any, kinds: set[Kind]) -> None:
    """Refuses arguments that would be ignored.

    Args:
        arguments: the parsed arguments.
        kinds: the kinds of the files.

    Raises:
        InputError: no file is of a kind that uses an argument that is given.
    """
    limited = LIMITED if arguments.raster is not False else {**LIMITED, **_OF_PHOTOGRAPHS}
    for name, (unset, using, way_out) in limited.items():
        value = getattr(arguments, name)
        given = value != unset or (name in arguments.given and not isinstance(value, bool))
        if given and kinds.isdisjoint(using):
            used_by = " and ".join(PLURALS[kind] for kind in using)
            raise InputError(f"--{name} is for {used_by}, and none is given; leave it out, or {way_out}", name)
    for name, flag in (("rank", "resume"), ("rank", "share"), ("areas", "share")):
        if getattr(arguments, name) and getattr(arguments, flag):
            also = f"; a last run with --resume and without --share writes {AREAS}" if name == "areas" else ""
            raise InputError(f"--{name} needs the predictions of one run over all files, without --{flag}{also}", name)
    for name in ("opacity", "clear"):
        if name in arguments.given and not arguments.overlay:
            raise InputError(f"--{name} is for overlays, which --no-overlay leaves out; leave out one of the two")


def _kind(path: Path, arguments: Any, source: Callable[[], ImageSource]) -> Kind:
    """The kind of a file: ``--raster`` decides for all but videos; without it, flags of bands are for rasters."""
    if arguments.raster is not None:
        kind = kind_of(path)
        return kind if kind == "video" else "raster" if arguments.raster else "image"
    with_flags = arguments.bands is not None or arguments.value_range is not None
    return kind_of(path, None if with_flags else source)


def _results(arguments: Any, kind: Kind, stem: str) -> list[Path]:
    """The files that the prediction of a file writes."""
    if kind == "video":
        return video.result_files(arguments.out, stem, arguments.overlay, arguments.frames)
    if kind == "raster":
        return raster.result_files(arguments.out, stem, arguments.overlay)
    return result_files(arguments.out, stem, arguments.overlay, arguments.confidence, arguments.probabilities)
