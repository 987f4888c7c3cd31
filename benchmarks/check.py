"""Time of checking a data set of large photographs, beside the time of decoding them alone, and its memory."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.comparison import check_sizes
from benchmarks.measure import machine
from encnet.benchmark.measure import memory_of_run
from encnet.data.check import check_dataset
from encnet.data.file_cache import reading_threads
from encnet.data.formats import read_dataset
from encnet.data.scenes import CLASSES, generate_scene
from encnet.reports.data_page import write_check_page
from encnet.system.errors import InputError
from encnet.system.files import write_text

DISTINCT = 8
"""Number of photographs that are drawn; the others are further names of the same files."""

VAL_EVERY = 5
"""Every fifth photograph is in val, so that the splits are compared."""

COUNTS = (100, 1000)
"""Numbers of photographs whose memory is measured."""


def benchmark_check(
    folder: str | Path,
    photographs: int = 1000,
    size: tuple[int, int] = (3000, 4000),
    counts: Sequence[int] = COUNTS,
) -> Path:
    """Times a check without and with cached findings, the page it writes, and decoding alone.

    The photographs are JPEGs of drawn scenes with noise, each with a label map as PNG. Few are drawn, and the others
    are hard links to them: all files are in memory after the first pass, so that no disk is measured.

    Args:
        folder: where check.json is written.
        photographs: number of photographs.
        size: their height and width in pixels.
        counts: numbers of photographs for which the memory of the process is measured.

    Returns:
        Path of check.json: seconds per thousand photographs, the time of the check divided by that of decoding alone,
        and the peak memory, in megabytes, by number of photographs.

    Raises:
        InputError: a number is out of range, or the files cannot be written.
    """
    if not counts:
        raise InputError("counts is empty; give at least one number of photographs", "counts")
    check_sizes({"height": 16, "width": 16}, photographs=min(photographs, *counts), height=size[0], width=size[1])
    with tempfile.TemporaryDirectory(prefix="encnet-benchmark-") as temporary:
        root = Path(temporary)
        data = write_photographs(root / "data", photographs, size)
        seconds = check_seconds(data, root)
        memory = {}
        for number in counts:
            part = write_photographs(root / f"of_{number}", number, size)
            memory[str(number)] = memory_of_run(prepare_check, (part, root), small=(part, root)).peak
    results: dict[str, Any] = {
        "seconds_per_thousand": {name: 1000 * value / photographs for name, value in seconds.items()},
        "times_of_decoding": seconds["check"] / seconds["decoding alone"],
        "peak_megabytes": memory,
    }
    sizes = {"photographs": photographs, "size": list(size), "threads": reading_threads()}
    Console(width=110).print(_table(sizes, results))
    path = Path(folder) / "check.json"
    write_text(path, json.dumps({"sizes": sizes, "machine": machine(), "results": results}, indent=2) + "\n")
    return path


def write_photographs(folder: Path, number: int, size: tuple[int, int]) -> Path:
    """Writes photographs and label maps of a size (height, width) in the splits train and val; returns the folder."""
    rng = np.random.default_rng(0)
    first: list[tuple[Path, Path]] = []
    for position in range(number):
        split = "val" if position % VAL_EVERY == VAL_EVERY - 1 else "train"
        image, label = (
            folder / kind / split / f"{position:06}{suffix}"
            for kind, suffix in (("images", ".jpg"), ("labels", ".png"))
        )
        for path in (image, label):
            path.parent.mkdir(parents=True, exist_ok=True)
        if position < DISTINCT:
            scene = generate_scene(position)
            shape = (size[1], size[0])
            pixels = np.asarray(Image.fromarray(scene.image).resize(shape, Image.Resampling.BICUBIC), dtype=np.int16)
            noisy = pixels + rng.normal(0, 5, (*size, 1)).astype(np.int16)
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(image, quality=90)
            Image.fromarray(scene.label).resize(shape, Image.Resampling.NEAREST).save(label)
            first.append((image, label))
        else:
            for path, source in zip((image, label), first[position % DISTINCT], strict=True):
                os.link(source, path)
    classes = ", ".join(f"{{name: {name}, value: {value}}}" for value, name in enumerate(CLASSES))
    splits = "".join(f"  {split}: {{images: images/{split}, labels: labels/{split}}}\n" for split in ("train", "val"))
    used = splits if number >= VAL_EVERY else splits.splitlines(keepends=True)[0]
    write_text(folder / "dataset.yaml", f"classes: [{classes}]\nsplits:\n{used}")
    return folder


def check_seconds(data: Path, folder: Path) -> dict[str, float]:
    """Seconds of decoding all files, of a check without and with cached findings, and of its page."""
    index = read_dataset(data)
    samples = [sample for split in index.splits.values() for sample in split]
    files = [file for sample in samples for file in sample if isinstance(file, Path)]
    cache = folder / "cache"
    seconds = {"decoding alone": _seconds(lambda: _decode(files))}
    seconds["check"] = _seconds(lambda: check_dataset(index, cache))
    seconds["check again"] = _seconds(lambda: check_dataset(index, cache))
    report = check_dataset(index, cache)
    seconds["page"] = _seconds(lambda: write_check_page(index, report, folder / "check.html"))
    return seconds


def prepare_check(data: Path, folder: Path) -> Callable[[], object]:
    """Returns a check of a data set that has no cached findings; for the process whose memory is measured."""
    index = read_dataset(data)
    return lambda: check_dataset(index, Path(tempfile.mkdtemp(dir=folder)))


def _decode(files: Sequence[Path]) -> None:
    """Decodes files, with as many threads as a check has."""

    def decode(file: Path) -> None:
        with Image.open(file) as image:
            image.load()

    with ThreadPoolExecutor(reading_threads()) as pool:
        for _ in pool.map(decode, files):
            pass


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _table(sizes: dict[str, Any], results: dict[str, Any]) -> Table:
    height, width = sizes["size"]
    table = Table(
        title=f"{sizes['photographs']} photographs of {height}x{width} with label maps, {sizes['threads']} threads"
    )
    table.add_column("step")
    table.add_column("for a thousand", justify="right")
    for name, seconds in results["seconds_per_thousand"].items():
        table.add_row(name, f"{seconds:.1f} s")
    for number, megabytes in results["peak_megabytes"].items():
        table.add_row(f"peak memory with {number}", f"{megabytes:.0f} MB")
    return table
