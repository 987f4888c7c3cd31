"""Fuzzes the readers one after the other, keeps the inputs that reach new lines, and counts what ends badly."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.fuzz.corpus import FOLDER, keep, kept
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.files import write_text
from encnet.system.progress import progress_bar

FILE = "fuzz.json"
"""Name of the report."""

_START = 300  # seconds that a reader may take until it is fuzzed, and to end, on a busy machine


def benchmark_fuzz(
    page: str | Path,
    folder: str | Path,
    minutes: float = 60.0,
    targets: Sequence[str] | None = None,
    archives: Path = FOLDER,
) -> None:
    """Fuzzes readers with atheris, each for its part of the minutes, and writes the counts to fuzz.json.

    An input may take 2 GB of memory and a minute. It has to be read, or to be refused by an InputError. Readers that
    are not fuzzed keep the counts that fuzz.json has of them.

    Args:
        page: Markdown file of the reliability page; fuzz.json goes to the folder of its name.
        folder: fuzz/TARGET/corpus in it gets the inputs that reach new lines, fuzz/TARGET/findings those that end
            badly.
        minutes: of these readers together.
        targets: of :data:`benchmarks.fuzz.targets.TARGETS`; None is all.
        archives: folder of the archives of such inputs, from which fuzzing starts, and to which it adds.

    Raises:
        InputError: an argument is out of its range, or atheris is not installed.
    """
    from benchmarks.fuzz.targets import TARGETS  # needs ONNX, the page does not

    targets = tuple(TARGETS) if targets is None else targets
    require(minutes > 0, "minutes", minutes, "a positive number")
    require(len(targets) > 0, "targets", targets, "at least one")
    for name in targets:
        require(name in TARGETS, "targets", repr(name), f"one of {', '.join(TARGETS)}")
    if find_spec("atheris") is None:
        raise InputError("atheris is not installed; run `pip install atheris`, which is there for Linux")
    seconds = max(1, round(60 * minutes / len(targets)))
    report = Path(page).with_suffix("") / FILE
    readers = json.loads(report.read_text(encoding="utf-8"))["readers"] if report.is_file() else {}
    with progress_bar() as bar:
        for name in bar.track(targets, description="readers"):
            place = Path(folder, "fuzz", name).resolve()
            counts = _fuzzed(name, seconds, place, kept(name, archives))
            keep(name, place / "corpus", archives)
            readers[name] = {"meaning": TARGETS[name].meaning, "minutes": round(seconds / 60, 2), **counts}
            if counts["findings"] or counts["died"]:
                bar.console.print(f"{name}: {counts}", markup=False, highlight=False)
            ordered = {name: readers[name] for name in TARGETS if name in readers}
            write_text(report, json.dumps({"readers": ordered}, indent=2) + "\n", recorded=False)


def section(report: Mapping[str, Any]) -> list[str]:
    """The lines of the reliability page on fuzzing."""
    minutes = sum(result["minutes"] for result in report["readers"].values())
    lines = [
        "## Fuzzing",
        "",
        f"`python -m benchmarks fuzz --minutes [{minutes:.0f}]`: atheris changes inputs, and keeps those that reach"
        " lines of encnet that none before has reached. Each may take 2 GB of memory and a minute, and has to be read,"
        " or refused as wrong input.",
        "",
        "| reader | minutes | inputs | kept | other errors | process died or hung |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    for result in report["readers"].values():
        cells = [result[name] for name in ("meaning", "minutes", "tried", "kept")]
        lines.append(f"| {' | '.join(map(str, cells))} | {len(result['findings'])} | {result['died']} |")
    return lines


def _fuzzed(name: str, seconds: int, place: Path, first: Sequence[bytes]) -> dict[str, Any]:
    """Fuzzes a reader, from these inputs on; starts it again where an input ended its process."""
    corpus, findings = place / "corpus", place / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(first):
        (corpus / f"kept-{number}").write_bytes(content)
    deadline, tried, died = time.monotonic() + seconds, 0, 0
    while (left := round(deadline - time.monotonic())) > 0 and died < 20:
        words = [sys.executable, "-m", "benchmarks.fuzz.attempt", name, str(left), str(corpus), str(findings)]
        with (place / "log.txt").open("wb") as log, suppress(subprocess.TimeoutExpired):
            died += 1  # unless it ends in time, and in order
            done = subprocess.run(
                words,
                env={**os.environ, "MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"},
                stdout=subprocess.DEVNULL,
                stderr=log,
                timeout=left + _START,
                check=False,
            )
            died -= done.returncode == 0
        text = (place / "log.txt").read_text(encoding="utf-8", errors="replace")
        tried += max((int(number) for number in re.findall(r"^#(\d+)\t", text, re.MULTILINE)), default=0)
    return {
        "tried": tried,
        "kept": sum(1 for _ in corpus.iterdir()),
        "findings": sorted(path.stem for path in findings.glob("*.bin")),
        "died": died,
    }
