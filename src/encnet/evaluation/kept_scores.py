"""Scores of images kept on disk, so that an evaluation goes on where it stopped and processes can share it."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from encnet.data.dataset import Sample
from encnet.data.sample_files import stamp
from encnet.evaluation.scored_image import ScoredImage
from encnet.system.signals import WAY_ON, Stopped
from encnet.system.unwritable import writing_into

FOLDER: str = ".encnet-evaluate"
"""Name of the hidden folder beside the report that has the scores of single images."""

_DAMAGE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What reading a line raises that no process wrote, or not all of it."""


class KeptScores:
    """The scored images of an evaluation, by all processes that take part in it.

    Each process writes a file of its own: one line of JSON with the settings, then one per image, as soon as it is
    scored. A line counts only while photograph and label map are as they were; of two lines, the later one counts.

    Args:
        folder: folder of the report.
        settings: all that the scores depend on beside the files, as JSON types.
        resume: whether images that have scores already are left as they are.
    """

    def __init__(self, folder: str | os.PathLike[str], settings: Mapping[str, Any], resume: bool = False) -> None:
        self.folder: Path = Path(folder, FOLDER)
        """Where the files are."""
        self.settings: dict[str, Any] = json.loads(json.dumps(settings))  # tuples as lists
        """What the scores depend on."""
        self.resume: bool = resume
        """Whether images that have scores already are left as they are."""
        self._stamps: dict[int, str] = {}
        self._file: IO[str] | None = None

    def others(self) -> list[dict[str, Any]]:
        """The settings of the files that were written with other settings."""
        return [settings for _, settings, _ in self._files() if settings != self.settings]

    def remove(self, only_others: bool = False) -> None:
        """Removes the files; with ``only_others`` those that were written with other settings."""
        others = [path for path, settings, _ in self._files() if settings != self.settings]
        for path in others if only_others else self.folder.glob("*.jsonl"):
            with suppress(FileNotFoundError):  # another process was faster
                path.unlink()

    def read(self, samples: Mapping[int, Sample], classes: int) -> dict[int, ScoredImage]:
        """The images that are scored already. The first call takes down how their files are now.

        Args:
            samples: place in the split -> sample.
            classes: number of classes.

        Returns:
            place in the split -> scored image.
        """
        for place, sample in samples.items():
            with suppress(OSError):  # a file is missing; reading the sample will say so
                self._stamps.setdefault(place, _stamp(sample))
        found: dict[str, tuple[float, ScoredImage]] = {}
        for _, settings, lines in self._files():
            for line in lines if settings == self.settings else ():
                try:
                    values = json.loads(line)
                    stamped, at = str(values["stamp"]), float(values["at"])
                    if stamped not in found or at >= found[stamped][0]:
                        found[stamped] = at, ScoredImage.of(values, classes)
                except _DAMAGE:  # the last line of a killed process
                    continue
        return {place: found[stamped][1] for place, stamped in self._stamps.items() if stamped in found}

    def add(self, place: int, scored: ScoredImage) -> None:
        """Keeps an image.

        Args:
            place: its place in the split, of those that :meth:`read` got.
            scored: its scores.

        Raises:
            UnwritableError: the folder takes no bytes.
        """
        with writing_into(self.folder.parent, self.folder):
            if self._file is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = (self.folder / f"{secrets.token_hex(8)}.jsonl").open("x", encoding="ascii")
                self._write({"settings": self.settings})
            self._write({"stamp": self._stamps[place], "at": time.time(), **scored.to_dict()})

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Closes the file of this process after the block, in which an evaluation runs and its report is written.

        After an error, the scores of a new evaluation are removed, with the folders that it made. A signal leaves them,
        and its message tells how to go on; so does an error in an evaluation that is resumed.
        """
        made = [each for each in (self.folder, *self.folder.parents) if not each.exists()]
        try:
            yield
        except Exception:
            if self._file is not None and not self.resume:
                with suppress(OSError):  # the folders may have files of others, or be gone
                    Path(self._file.name).unlink()
                    for each in made:
                        each.rmdir()
            raise
        except Stopped as stopped:
            stopped.way_on = WAY_ON
            raise
        finally:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _write(self, values: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps(values) + "\n")
        self._file.flush()

    def _files(self) -> Iterator[tuple[Path, dict[str, Any], list[str]]]:
        """Path, settings and lines of each file; a file without settings is passed over."""
        for path in sorted(self.folder.glob("*.jsonl")):
            try:
                first, *lines = path.read_text(encoding="ascii").splitlines()
                settings = dict(json.loads(first)["settings"])
            except (OSError, *_DAMAGE):
                continue
            yield path, settings, lines


def _stamp(sample: Sample) -> str:
    """A text that changes when photograph or label map may have changed.

    Raises:
        OSError: a file is missing.
    """
    return "\n".join(stamp(part) for part in sample if part is not None)
