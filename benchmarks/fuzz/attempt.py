"""Fuzzes one reader in this process, whose memory is limited, with atheris; keeps each input that is no refusal."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.reliability.attempt import GIGABYTES, limit_memory
from encnet.system.errors import InputError

SECONDS = 60
"""Time of an input, after which the process ends."""


def main(name: str, seconds: int, corpus: Path, findings: Path) -> None:
    """Fuzzes a reader for so many seconds, from the inputs in ``corpus`` and from sound ones.

    Inputs that reach new lines go to ``corpus``. What ends in anything but an InputError goes to ``findings``, once for
    each line that raises: NAME.bin and NAME.json with the error. An input that ends the process is crash-*,
    timeout-* or oom-* there.
    """
    atheris: Any = import_module("atheris")  # has no types, and is not there for every system
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    with atheris.instrument_imports(include=["encnet"]):
        from benchmarks.fuzz.targets import TARGETS

        sound, attempt = TARGETS[name].prepare(folder)
        for content in sound:  # imports what the reader imports when it runs, and loads all libraries
            _try(attempt, content)

    words = sorted({word for content in sound for word in re.findall(rb"[A-Za-z_]{3,24}", content[:20_000])})
    dictionary = folder / "words.txt"
    dictionary.write_bytes(b"".join(b'"' + word + b'"\n' for word in [*words[:2000], b"NaN"]))
    for content in sound:
        (corpus / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
    limit_memory(GIGABYTES)

    def one(content: bytes) -> None:
        error = _try(attempt, content)
        if error is None:
            return
        last = traceback.extract_tb(error.__traceback__)[-1]
        kept = findings / f"{type(error).__name__}-{Path(last.filename).stem}-{last.lineno}"
        if not kept.with_suffix(".bin").exists():
            kept.with_suffix(".bin").write_bytes(content)
            lines = traceback.format_exception(error)
            kept.with_suffix(".json").write_text(
                json.dumps({"error": str(error)[:300], "trace": lines[-12:]}, indent=1)
            )

    options = [
        f"-max_total_time={seconds}",
        f"-max_len={TARGETS[name].longest}",
        f"-timeout={SECONDS}",
        f"-artifact_prefix={findings}/",
        f"-dict={dictionary}",
        "-rss_limit_mb=0",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


def _try(attempt, content: bytes) -> BaseException | None:
    """What an input raises that is no refusal."""
    try:
        attempt(content)
    except InputError:
        return None
    except (Exception, SystemExit) as error:
        return error
    return None


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
