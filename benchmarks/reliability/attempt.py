"""Runs the cases of a kind one by one in this process, whose memory is limited, and writes what became of each."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import random
import re
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.reliability.kinds import Case, kind
from encnet.cli import main as encnet

GIGABYTES = 2.0
"""Memory that a case may take beyond what the process takes before it."""
SECONDS = 150
"""Time of a case, after which the process ends."""
LINES, CHARACTERS = 3, 900
"""Length of a refusal, with the paths in it."""

WRONG_INPUT = 2
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, direction marks and lone surrogates, except tab and newline."""


def command(words: Sequence[str], out: Path | None = None, lines: int = LINES) -> Callable[[], str | None]:
    """The attempt of a case that is a command line.

    Args:
        words: the words after ``encnet``.
        out: file or folder that the command writes, which a refusal must not leave behind.
        lines: the most lines of a refusal.
    """

    def attempt() -> str | None:
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = encnet(words)
        sent = _CONTROLS.findall(output.getvalue() + errors.getvalue())
        assert not sent, f"control characters are sent to the terminal: {sent[:5]}"
        message = errors.getvalue().strip()
        if status != WRONG_INPUT:
            return None
        assert len(message) <= CHARACTERS * lines / LINES, (
            f"a refusal of {len(message)} characters: {message[:200]} ..."
        )
        assert message and len(message.splitlines()) <= lines, f"a refusal of more than {lines} lines: {message}"
        assert out is None or not out.exists(), f"a refusal that leaves {out.name}: {message}"
        return message

    return attempt


def outcome(case: Case) -> tuple[str, str]:
    """What becomes of a case: "accepted", "refused", "traceback" or "memory"; and the sentence, or the last error."""
    try:
        message = case.attempt()
    except (Exception, SystemExit) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {str(error)[:300]} ({Path(last.filename).name}:{last.lineno})"
        return ("memory" if _lacks_memory(text) else "traceback"), text
    if message is None:
        return "accepted", ""
    return ("memory" if _lacks_memory(message) else "refused"), message


def _lacks_memory(message: str) -> bool:
    """Whether a message quotes an allocation that failed: it asked for more than the limit."""
    return bool(re.search(r"MemoryError|bad.?alloc|can't allocate|Unable to allocate|not enough memory", message))


def limit_memory(gigabytes: float) -> None:
    """Limits the address space of this process to what it has now and so many gigabytes more; not if infinite."""
    if math.isinf(gigabytes):
        return
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + int(gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main(name: str, seed: int, first: int, number: int, folder: Path) -> None:
    """Runs cases ``first`` to ``number`` of a kind, and appends a line of JSON for each to ``folder``/results.jsonl.

    A case that ends the process leaves no line, but its name in ``folder``/case.txt. ``folder``/sound holds the sound
    files, ``folder``/case one case.
    """
    sound, place = folder / "sound", folder / "case"
    for index in range(first, number):
        if index == first:  # a sound case first: all libraries are loaded before memory is limited
            outcome(_made(name, seed, -1, sound, place))
            limit_memory(kind(name).MEMORY)
        case = _made(name, seed, index, sound, place)
        (folder / "case.txt").write_text(case.name, encoding="utf-8", errors="replace")
        signal.alarm(SECONDS)
        became, message = outcome(case)
        signal.alarm(0)
        line = {"index": index, "case": case.name, "outcome": became, "message": message}
        with (folder / "results.jsonl").open("a", encoding="utf-8", errors="replace") as file:
            file.write(json.dumps(line) + "\n")


def _made(name: str, seed: int, index: int, sound: Path, place: Path) -> Case:
    """The case of an index; ``place`` becomes a copy of the sound files, in which the case may change what it likes."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(sound, place)
    os.chdir(place)  # names without a folder stand for files of the case
    return kind(name).case(random.Random(f"{name} {seed} {index}"), place)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
