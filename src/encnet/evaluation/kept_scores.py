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

from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.sample_files import files_of, name_in
from encnet.evaluation.scored_image import ScoredImage
from encnet.system.errors import InputError
from encnet.system.signals import WAY_ON, Stopped
from encnet.system.unwritable import writing_into

FOLDER: str = ".encnet-evaluate"
"""Name of the hidden folder beside the report that has the scores of single images."""

_DAMAGE = (ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""Errors from reading a line that is damaged or cut off."""


class KeptScores:
    """The scored images of an evaluation, by all processes that take part in it.

    Each process writes a file of its own: one line of JSON with the settings, then one per image, as soon as it is
    scored. A line counts only while photograph and label map are as they were; of two lines, the later one counts.

    Args:
        folder: folder of the report.
        settings: all that the scores depend on beside the files, as JSON types.
        resume: whether images that have scores already are left as they are.
        shared: whether other processes take part. If neither, the first image that is scored replaces all that is kept.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        settings: Mapping[str, Any],
        resume: bool = False,
        shared: bool = False,
    ) -> None:
        self.folder: Path = Path(folder, FOLDER)
        """Where the files are."""
        self.settings: dict[str, Any] = json.loads(json.dumps(settings))  # tuples as lists
        """What the scores depend on."""
        self.resume: bool = resume
        """Whether images that have scores already are left as they are."""
        self.shared: bool = shared
        """Whether other processes take part."""
        self._stamps: dict[int, str] = {}
        self._file: IO[str] | None = None

    def others(self) -> list[dict[str, Any]]:
        """The settings of the files that were written with other settings."""
        return [settings for _, settings, _ in self._files() if settings != self.settings]

    def read(self, index: DatasetIndex, samples: Mapping[int, Sample]) -> dict[int, ScoredImage]:
        """The images that are scored already. The first call takes down how their files are now.

        Args:
            index: the data set.
            samples: place in the split -> sample.

        Returns:
            place in the split -> scored image.
        """
        for place, sample in samples.items():
            if place not in self._stamps:
                self._stamps[place] = _stamp(index.root, sample)
        found: dict[str, tuple[float, ScoredImage]] = {}
        for _, settings, lines in self._files():
            for line in lines if settings == self.settings else ():
                try:
                    values = json.loads(line)
                    stamped, at = str(values["stamp"]), float(values["at"])
                    if stamped not in found or at >= found[stamped][0]:
                        found[stamped] = at, ScoredImage.of(values, index.labels.num_classes)
                except _DAMAGE:
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
                for path in () if self.resume or self.shared else list(self.folder.glob("*.jsonl")):
                    path.unlink(missing_ok=True)
                self._file = (self.folder / f"{secrets.token_hex(8)}.jsonl").open("x", encoding="ascii")
                self._write({"settings": self.settings})
            self._write({"stamp": self._stamps[place], "at": time.time(), **scored.to_dict()})

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Closes the file of this process after the block, in which an evaluation runs and its report is written.

        If wrong input ends a new evaluation, its scores are removed, with the folders that it made. After everything
        else, a signal or the death of a reading process for example, they stay; a signal says how to go on.
        """
        made = [each for each in (self.folder, *self.folder.parents) if not each.exists()]
        try:
            yield
        except Stopped as stopped:
            stopped.way_on = WAY_ON
            raise
        except InputError:
            if not (self.resume or self.shared):
                self._remove(made)
            raise
        finally:
            self._close()

    def _remove(self, made: list[Path]) -> None:
        """Removes the file of this process, and folders that are empty then."""
        if self._file is not None:
            name = self._file.name
            self._close()  # before, as Windows and network drives keep files that are open
            with suppress(OSError):  # the folders may have other files, or be gone
                Path(name).unlink()
                for folder in made:
                    folder.rmdir()

    def _close(self) -> None:
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
                first, *lines = path.read_text(encoding="ascii", errors="replace").splitlines()
                settings = dict(json.loads(first)["settings"])
            except (OSError, *_DAMAGE):
                continue
            yield path, settings, lines


def _stamp(root: Path, sample: Sample) -> str:
    """Names, sizes and times of the files of a sample: the same on all machines that see these files."""
    parts: list[str] = []
    for part in (each for each in sample if each is not None):
        parts.append(name_in(root, part))
        for file in files_of(part):
            with suppress(OSError):  # it is missing; reading the sample will say so
                stat = file.stat()
                parts.append(f"{stat.st_size} {stat.st_mtime_ns}")
    return "\n".join(parts)
