"""Requests to the page of `encnet app`: good ones, hostile ones beside good ones, and its end while it answers."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from benchmarks import reliability_requests
from encnet.system.errors import InputError

TITLE = "requests"
MEANING = (
    "good photographs at concurrency 8; uploads that are bombs, of wrong types, or have huge fields and hostile names,"
    " slow senders, endless chunks, thousands of headers and routes that do not exist, while good requests go on; and"
    " SIGTERM while requests are answered. Hostile ones must get a status from 400 to 499 that shows no path,"
    " traceback or address of the server, good ones their prediction, and memory may grow by 3 % in the good ones."
)
NUMBER = 1000

_GROWTH = 1.03


def tried(number: int, folder: Path) -> list[dict[str, Any]]:
    """What became of each request.

    Args:
        number: good requests before the hostile ones.
        folder: empty folder, for the server's model.
    """
    try:
        counts = reliability_requests.run(folder, number)
    except (InputError, OSError, subprocess.SubprocessError) as error:  # it did not start, or hangs
        return [{"index": 0, "case": "the server", "outcome": "died", "message": str(error)}]
    results: list[dict[str, Any]] = []

    def add(part: str, well: str, ill: str) -> None:
        passed, total = int(counts[f"{part}_passed"]), int(counts[f"{part}_tried"])
        for outcome in (*[well] * passed, *[ill] * (total - passed)):
            results.append({"index": len(results), "case": part, "outcome": outcome, "message": ""})

    add("hostile", "refused", "traceback")
    for part in ("load", "beside", "drain"):
        add(part, "accepted", "died")
    before, after = counts["load_bytes_before"], counts["load_bytes_after"]
    if after > _GROWTH * before:
        results[0] |= {
            "case": "load",
            "outcome": "memory",
            "message": f"{before / 1e6:.0f} MB grew to {after / 1e6:.0f} MB",
        }
    if not counts["drain_ended"]:
        results[-1] |= {"outcome": "died", "message": "the server did not end in order"}
    return results
