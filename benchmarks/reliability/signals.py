"""Signals that come at any moment of a command: it ends soon, with the right status, and leaves no process."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.reliability import arguments
from benchmarks.reliability.kinds import Case
from benchmarks.reliability.sound import IMAGE

TITLE = "signals"
MEANING = (
    "`predict`, `evaluate`, `explain`, `train`, `check`, `export` and `app` get SIGTERM, SIGHUP, SIGUSR1 or SIGINT at a"
    " moment of their first ten seconds. Wanted is the end within a minute with status 128 and the number of the signal"
    " (in the first seconds, before Python is up, by the signal itself), one sentence, no process and no temporary"
    " file. Accepted are commands that had done their work before."
)
NUMBER = 60
MEMORY = math.inf
"""Gigabytes: the command is a process of its own, which would inherit the limit."""
PATIENCE = 60.0
"""Seconds in which a command has to end."""
LATEST = 10.0
"""Seconds until the signal."""
START = 4.0
"""Seconds that Python may take until a command can handle signals, on a busy machine."""

_RESULTS = {
    "predict": "image.json",
    "evaluate": "evaluation.html",
    "explain": "explanation.html",
    "check": "check.html",
    "export": "model.onnx",
}
"""Verb -> a file that is there when the command has done its work."""
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT)


def prepare(folder: Path) -> None:
    arguments.prepare(folder)


def case(rng: random.Random, folder: Path) -> Case:
    model, image, data, out = (str(folder / name) for name in ("model.safetensors", IMAGE, "data", "out"))
    small = "--data.workers 1 --data.batch_size 2 --data.crop [16,16] --model.variant encnet_tiny --accelerator cpu"
    commands: dict[str, list[str]] = {
        "predict": [model, image, "--out", out],
        "evaluate": [model, data, "--out", out],
        "explain": [model, image, "--out", out, "--dataset", data],
        "train": [data, "--out", out, "--steps", "100000", *small.split()],
        "check": [data, "--out", f"{out}/check.html"],
        "export": [model, "--out", f"{out}/model.onnx"],
        "app": [model, "--port", "0"],
    }
    verb = rng.choice((*commands, "train", "train"))
    number, seconds = rng.choice(_SIGNALS), rng.uniform(0, LATEST)
    words = [sys.executable, "-m", "encnet", verb, *commands[verb]]
    return Case(f"{verb}, {number.name} after {seconds:.1f} s", _attempt(words, number, seconds, Path(out)))


def _attempt(words: list[str], number: signal.Signals, seconds: float, out: Path) -> Callable[[], str | None]:
    def attempt() -> str | None:
        process = subprocess.Popen(
            words,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
            ended = process.poll() is not None
            process.send_signal(number)
            errors = process.communicate(timeout=PATIENCE)[1]
            left = _left(process.pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        assert "Traceback" not in errors, errors[-300:]
        assert not left, f"processes stay: {left}"
        partial = [path.name for path in out.rglob(".*") if not path.name.startswith(".encnet")]
        partial += [path.name for path in out.rglob("*.part")]
        assert not partial, f"temporary files stay: {partial}"
        verb, status = words[3], process.returncode
        done = verb in _RESULTS and (out / _RESULTS[verb]).is_file()
        if ended or status == 0 or (status == -number and done):
            assert done, f"status {status} without a result: {errors[-300:]}"
            return None
        if status == -number:
            assert seconds < START, f"after {seconds:.1f} s it still ends by the signal itself"
            assert not out.exists(), f"it ends before Python is up, and leaves {out.name}"
            return number.name
        assert status == 128 + number, f"status {status}: {errors[-300:]}"
        return errors.strip().splitlines()[-1]

    return attempt


def _left(group: int) -> list[str]:
    """The processes of a group that are there ten seconds after its leader."""
    deadline = time.monotonic() + 10
    while True:
        found = subprocess.run(
            ["ps", "-o", "pid=,comm=", "-g", str(group)], capture_output=True, text=True, check=False
        )
        lines = [line for line in found.stdout.splitlines() if "<defunct>" not in line]
        if not lines or time.monotonic() > deadline:
            return lines
        time.sleep(0.2)
