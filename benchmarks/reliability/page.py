"""The page docs/reliability.md, from what `reliability`, `fuzz` and `soak` counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import soak
from benchmarks.fuzz import run as fuzz
from benchmarks.reliability.attempt import GIGABYTES, SECONDS
from benchmarks.reliability.kinds import KINDS, kind
from benchmarks.reliability.run import OUTCOMES
from encnet.system.files import write_text


def write_page(page: str | Path) -> Path:
    """Writes the page from the JSON files in the folder of its name; returns its path."""
    page = Path(page)
    write_text(page, page_of(page.with_suffix("")), recorded=False)
    return page


def page_of(folder: Path) -> str:
    """The page as Markdown, from the JSON files in a folder."""
    reports = [report for name in KINDS if (report := _read(folder / f"{name}.json"))]
    headings = ["input", *OUTCOMES.values()]
    rows = [[kind(report["kind"]).TITLE, *map(str, report["counts"].values())] for report in reports]
    lines = [
        "# Reliability",
        "",
        "Written by `python -m benchmarks reliability`, `fuzz` and `soak`.",
        "",
        "But for signals and requests, each case is an input that is damaged or hostile in one place, made from a",
        f"seed; it may take {GIGABYTES:g} GB of memory and {SECONDS} seconds. Wanted is one sentence that says what is",
        "wrong, exit status 2, and no file left behind; some cases are odd but sound, and are accepted.",
        "",
        _row(headings),
        _row(["---", *["--:"] * len(OUTCOMES)]),
        *map(_row, rows),
        "",
    ]
    for report in reports:
        module = kind(report["kind"])
        number, seed = report["number"], report["seed"]
        lines += [
            f"- {module.TITLE} (`python -m benchmarks reliability --kinds [{report['kind']}] --number {number} --seed"
            f" {seed}`): {module.MEANING}",
        ]
    for file, section in ((fuzz.FILE, fuzz.section), (soak.FILE, soak.section)):
        if report := _read(folder / file):
            lines += ["", *section(report)]
    return "\n".join(lines) + "\n"


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
