"""Counts what becomes of hostile input of each kind, and writes docs/reliability.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.reliability.attempt import GIGABYTES
from benchmarks.reliability.kinds import KINDS, kind, whole
from encnet.system.checks import require
from encnet.system.files import write_text

OUTCOMES: dict[str, str] = {
    "tried": "tried",
    "refused": "refused in one sentence",
    "accepted": "accepted",
    "traceback": "tracebacks",
    "memory": f"over {GIGABYTES:g} GB of memory",
    "died": "process died or hung",
}
"""What can become of a case -> the heading of its column."""


def benchmark_reliability(
    page: str | Path, kinds: Sequence[str] = KINDS, number: int | None = None, seed: int = 0
) -> None:
    """Tries hostile input, and writes a file KIND.json with the counts and each failure beside the page.

    Args:
        page: Markdown file of the reliability page; the JSON goes to the folder of its name.
        kinds: of :data:`benchmarks.reliability.kinds.KINDS`.
        number: cases of each kind; None tries as many as each kind asks for.
        seed: seed of the cases.

    Raises:
        InputError: there is no such kind, or ``number`` is not positive.
    """
    require(number is None or number >= 1, "number", number, "at least 1")
    page = Path(page)
    for name in kinds:
        results = tried(name, seed, number or kind(name).NUMBER)
        report = report_of(name, seed, number or kind(name).NUMBER, results)
        path = page.with_suffix("") / f"{name}.json"
        write_text(path, json.dumps(report, indent=2) + "\n", recorded=False)
        Console().print(f"{kind(name).TITLE}: {report['counts']}", highlight=False)
        for failure in report["failures"]:
            print(f"  {failure['index']} {failure['case']}: {failure['outcome']}: {failure['message']}")


def tried(name: str, seed: int, number: int) -> list[dict[str, Any]]:
    """What became of each case of a kind, run in processes of their own."""
    with tempfile.TemporaryDirectory(prefix="reliability-") as temporary:
        folder, together = Path(temporary), whole(name)
        if together is not None:
            return together.tried(number, folder)
        (folder / "sound").mkdir()
        kind(name).prepare(folder / "sound")
        results: list[dict[str, Any]] = []
        while len(results) < number:
            words = [sys.executable, "-m", "benchmarks.reliability.attempt"]
            arguments = [name, str(seed), str(len(results)), str(number), str(folder)]
            done = subprocess.run(
                [*words, *arguments],
                env={**os.environ, "MALLOC_ARENA_MAX": "2"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
            )
            lines = folder / "results.jsonl"
            written = lines.read_text(encoding="utf-8").splitlines() if lines.is_file() else []
            results += [json.loads(line) for line in written]
            lines.unlink(missing_ok=True)
            if len(results) < number:
                reason = f"status {done.returncode}: {done.stderr.decode(errors='replace')[-300:]}"
                name_of_case = (folder / "case.txt").read_text(encoding="utf-8")
                results.append({"index": len(results), "case": name_of_case, "outcome": "died", "message": reason})
        return results


def report_of(name: str, seed: int, number: int, results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The counts of a kind, and the cases that failed."""
    counts = Counter(result["outcome"] for result in results)
    return {
        "kind": name,
        "seed": seed,
        "number": number,
        "counts": {outcome: len(results) if outcome == "tried" else counts[outcome] for outcome in OUTCOMES},
        "failures": [result for result in results if result["outcome"] not in ("refused", "accepted")],
    }
