"""The part of a large prediction that this process does: its share of the files, without those predicted before."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from encnet.commands.shares import digest_of_weights, require_same
from encnet.system.errors import InputError
from encnet.system.files import RECORD, encoded, write_text
from encnet.system.outputs import Records
from encnet.system.signals import WAY_ON, Stopped
from encnet.system.text import cell

SETTINGS: str = ".encnet-predict"
"""Name of the hidden file beside the results that says what they were made with."""
FILES: str = "files.csv"
"""Name of the table of all files of a prediction, by whichever process."""
FAILED: str = "failed"
"""The fate of a file in that table that could not be predicted."""

_SHAPING = (
    *("threshold", "confidence", "probabilities", "overlay", "opacity", "clear", "engine", "precision"),
    *("raster", "bands", "value_range", "frames", "context_memory"),
)
"""Arguments on which the results depend, beside the model and the protocol."""


def predicted_before(folder: Path, results: Mapping[Path, Iterable[Path]]) -> set[Path]:
    """The files whose results are there as encnet wrote them, none of them older than the file or the settings.

    Args:
        folder: folder of the results.
        results: file -> the files that its prediction writes.
    """
    records, settings = Records(), folder / SETTINGS

    def done(file: Path) -> bool:
        try:
            # A photograph that replaces another may be older; only its place in the folder is new then.
            changed = max(file.stat().st_mtime_ns, file.stat().st_ctime_ns, settings.stat().st_mtime_ns)
            return all(records.wrote(path) and path.stat().st_mtime_ns >= changed for path in results[file])
        except OSError:
            return False

    return {file for file in results if done(file)}


def settings_of(arguments: Any) -> dict[str, Any]:
    """What the results depend on, as JSON types: a digest of the weights, and the settings that shape the files."""
    shaping = {name: getattr(arguments, name) for name in _SHAPING}
    protocol = {f"protocol.{name}": value for name, value in asdict(arguments.protocol).items()}
    settings = {"weights": digest_of_weights(str(arguments.checkpoint)), **shaping, **protocol}
    return json.loads(json.dumps(settings))  # tuples as lists


def require_same_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuses to go on with results that were made with other settings.

    Raises:
        InputError: a setting differs, or the file of the settings cannot be read.
    """
    path = folder / SETTINGS
    if not path.exists():  # then no result counts as predicted before
        return
    try:
        before = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path}, which says what the results were made with, cannot be read; predict without --resume", "resume"
        ) from error
    require_same(folder, before, settings, "predict without --resume")


@contextmanager
def resumable(folder: Path, settings: Mapping[str, Any]) -> Iterator[None]:
    """Writes what the results of its block are made with, for :func:`require_same_settings`.

    A file that says just that stays: results that are older than the file were made with other settings. If the block
    writes no result, the file and a new folder are removed. If a signal stops it, the message tells how to go on.
    """
    path, text = folder / SETTINGS, json.dumps(settings, indent=2) + "\n"
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    if not (path.is_file() and path.read_text(encoding="utf-8", errors="replace") == text):
        write_text(path, text)
    try:
        yield
    except Stopped as stopped:
        stopped.way_on = WAY_ON
        raise
    finally:
        with suppress(OSError):  # the folder may be gone
            if made and {each.name for each in folder.iterdir()} <= {SETTINGS, RECORD}:
                for name in (SETTINGS, RECORD):
                    (folder / name).unlink()
                for each in made:
                    each.rmdir()


def failed_before(folder: Path) -> set[str]:
    """The files that files.csv in a folder says to have failed, as it names them; none if encnet did not write it."""
    path = folder / FILES
    if not Records().wrote(path):
        return set()
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["file"] for row in csv.DictReader(lines) if row["fate"] == FAILED}


def cell_of(file: Path) -> str:
    """The name of a file in files.csv, also of one whose name is not UTF-8."""
    return cell(encoded(str(file)).decode())


def write_files_table(folder: Path, stems: Mapping[Path, str], fate: Callable[[Path], str]) -> Path:
    """Writes files.csv, the ledger of all processes: the columns file, result (its stem in the folder) and fate.

    Each process that ends writes it anew, with what it finds in the folder; the last one finds everything. Only what
    failed leaves no result to find, so that is taken from the table before, by :func:`failed_before`.

    Args:
        folder: folder of the results.
        stems: file -> stem of the names of its results.
        fate: file -> what became of it.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("file", "result", "fate"))
    table.writerows((cell_of(file), cell(stem), fate(file)) for file, stem in stems.items())
    path = folder / FILES
    write_text(path, text.getvalue())
    return path
