"""Hours of training, of prediction and of the page at the same time: nothing fails, and memory stays flat."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from rich.console import Console

from benchmarks.measure import machine
from benchmarks.watching import compared, watched
from encnet.checkpoint.create import create_model
from encnet.data.formats import read_dataset
from encnet.data.pixels import picture
from encnet.data.scenes import write_scenes
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.files import write_text

FILE = "soak.json"
"""Name of the report."""
GROWTH = 1.03
"""Memory at the end over memory after the warm-up that still counts as flat."""
PARTS = {
    "training": "`encnet train` with its reading processes",
    "prediction": "`encnet predict` of a folder with more photographs than it gets through",
    "page": "`encnet app`, which gets a photograph each second, by turns from the page and from a program",
}
"""Part -> what runs."""
_ROUTES = ("viewer", "predict")
_SCALES = (0.75, 1.0, 1.25)  # of the photographs, so that buffers of several sizes are taken and given back
_PER_SECOND = 20  # photographs a second that no prediction on two cores gets through
_ENDED = (128 + signal.SIGTERM, -signal.SIGTERM)
_PATIENCE = 120.0  # seconds in which a part has to start, and to end after SIGTERM


def benchmark_soak(
    page: str | Path,
    hours: float = 2.0,
    dataset: str | Path | None = None,
    recipe: str = "own_data_small",
    interval: float = 10.0,
) -> Path:
    """Trains, predicts and serves a page for hours; writes what each did and held to soak.json beside ``page``.

    Memory is flat where the median of the last tenth of the time is at most :data:`GROWTH` times that of the second
    tenth; in the first one, images are kept and buffers find their sizes.

    Args:
        page: Markdown file of the reliability page; soak.json goes to the folder of its name.
        hours: of the whole.
        dataset: folder of a data set with the splits train and val; None draws scenes.
        recipe: of the training, one that keeps the size of its images: no ``half_share``.
        interval: seconds between two looks at the memory.

    Returns:
        Path of soak.json.

    Raises:
        InputError: an argument is out of its range, the data set cannot be read, or a part does not start.
    """
    require(hours > 0, "hours", hours, "a positive number")
    require(interval > 0, "interval", interval, "a positive number")
    report = Path(page).with_suffix("") / FILE
    with tempfile.TemporaryDirectory(prefix="soak-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        data = write_scenes(folder / "scenes", train=60, val=12, test=0) if dataset is None else Path(dataset).resolve()
        photographs = _photographs(data, folder / "photographs", 3600 * hours)
        torch.manual_seed(0)
        create_model("encnet_lite0", 11).save(folder / "model.safetensors")
        length = str(60 * hours + 60)  # longer than the whole
        running = {
            name: stack.enter_context(_running(name, words, folder))
            for name, words in (
                ("training", ["train", str(data), "--out", "runs", "--recipe", recipe, "--minutes", length]),
                ("prediction", ["predict", "model.safetensors", "photographs", "--out", "predictions"]),
                ("page", ["app", "model.safetensors", "--port", "0"]),
            )
        }
        with _client(_port(folder / "page.txt", running["page"]), photographs) as client:
            samples = watched(running, 3600 * hours, interval)
        statuses = {name: _ended(process) for name, process in running.items()}
        done = {
            "training": _steps(folder / "runs"),
            "prediction": sum(1 for _ in (folder / "predictions").glob("*.json")),
            "page": len(client),
        }
        last = {name: (folder / f"{name}.txt").read_text(encoding="utf-8", errors="replace")[-300:] for name in PARTS}
    parts = {
        name: {
            "done": done[name],
            "failed": sum(status != 200 for status in client) if name == "page" else 0,
            "status": statuses[name],
            "ended": statuses[name] in _ENDED,
            **compared(samples[name]),
            "last": "" if statuses[name] in _ENDED else last[name],
        }
        for name in PARTS
    }
    content = {"hours": hours, "dataset": data.name, "recipe": recipe, "parts": parts, "machine": machine()}
    write_text(report, json.dumps({**content, "megabytes": samples}, indent=2) + "\n", recorded=False)
    Console(width=150).print("\n".join(section(content)), highlight=False, markup=False)
    return report


def section(report: Mapping[str, Any]) -> list[str]:
    """The lines of the reliability page on a soak."""
    command = f"python -m benchmarks soak --hours {report['hours']:g} --dataset DATASET --recipe {report['recipe']}"
    lines = [
        "## Hours of work",
        "",
        f"`{command}`: all three at the same time, data set {report['dataset']}. Memory is that of all processes of a"
        " part: the median of the second tenth of the time, when images are kept and buffers have their sizes, and the"
        f" median of the last. Wanted is growth of at most {100 * (GROWTH - 1):.0f} %.",
        "",
        "| part | done | failed | memory | at the end | growth | ended in order |",
        "| --- | --: | --: | --: | --: | --: | --- |",
    ]
    for name, part in report["parts"].items():
        before, after = part["before"], part["after"]
        growth = "" if None in (before, after) else f"{100 * (after / before - 1):+.1f} %"
        held = ("" if value is None else f"{value:.0f} MB" for value in (before, after))
        cells = name, part["done"], part["failed"], *held, growth, "yes" if part["ended"] else "no"
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return [*lines, "", *(f"- {name}: {meaning}." for name, meaning in PARTS.items())]


def _photographs(data: Path, folder: Path, seconds: float) -> list[bytes]:
    """Fills a folder with more photographs than a prediction gets through: val's, in three sizes, as links."""
    index = read_dataset(data)
    folder.mkdir()
    contents, names = [], []
    for sample, scale in itertools.product(index.split("val")[:4], _SCALES):
        image = picture(index.source.read(sample.image).pixels)
        size = round(image.width * scale), round(image.height * scale)
        names.append(folder / f"{len(names):07}.jpg")
        image.resize(size, Image.Resampling.BICUBIC).save(names[-1], quality=90)
        contents.append(names[-1].read_bytes())
    for number in range(len(names), int(_PER_SECOND * seconds)):
        os.link(names[number % len(names)], folder / f"{number:07}.jpg")
    return contents


@contextmanager
def _running(name: str, words: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command of encnet in a folder, whose output goes to NAME.txt there."""
    with (folder / f"{name}.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "encnet", *words], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _port(output: Path, process: subprocess.Popen[bytes]) -> int:
    """The port that the page says.

    Raises:
        InputError: it does not start.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", output.read_text(encoding="utf-8"))
        if found is not None:
            return int(found[1])
        time.sleep(0.2)
    raise InputError(f"encnet app did not start: {output.read_text(encoding='utf-8')[-300:]}")


@contextmanager
def _client(port: int, photographs: Sequence[bytes]) -> Iterator[list[int]]:
    """Sends a photograph each second; the list gets the status of each answer, 0 without one."""
    statuses: list[int] = []
    ended = threading.Event()

    def send() -> None:
        for content, route in zip(itertools.cycle(photographs), itertools.cycle(_ROUTES), strict=False):
            if ended.wait(1):
                return
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{route}", content, timeout=_PATIENCE) as answer:
                    answer.read()
                    statuses.append(answer.status)
            except urllib.error.HTTPError as error:
                statuses.append(error.code)
            except OSError:
                statuses.append(0)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        thread.join()


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Ends a part that runs; returns its status."""
    if process.poll() is None:
        process.terminate()
    return process.wait(_PATIENCE)


def _steps(runs: Path) -> int:
    """The last step that the log of the training tells."""
    (log,) = runs.glob("**/metrics.csv")
    header, *rows = (line.split(",") for line in log.read_text(encoding="utf-8").splitlines())
    return max(int(row[header.index("step")]) for row in rows)
