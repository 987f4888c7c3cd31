"""The result of a benchmark: a table, JSON, and which form to take."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from encnet.benchmark.forms import LeftOut
from encnet.system.files import write_text
from encnet.system.outputs import check_outputs

POINT = 0.01
"""A form may have so much less mean IoU, 0-1, than PyTorch in fp32 to be recommended."""

FILE = "benchmark.json"
"""Name of the file that :meth:`BenchmarkReport.save` writes."""


@dataclass(frozen=True)
class Measured:
    """What was measured of one form."""

    name: str
    """The form's name in reports."""
    engine: str
    """The engine by name, as :class:`encnet.Predictor` takes it."""
    precision: str
    """"fp32", "bf16" or "int8"."""
    device: str
    """"cpu", or a GPU."""
    batch: int
    """Images per run."""
    seconds: tuple[float, ...]
    """Seconds of each run."""
    added_megabytes: float | None
    """Peak memory of a run above what its process held before, on a GPU the GPU's memory; None where it is unknown."""
    peak_megabytes: float | None
    """The most memory that the process held, libraries and weights too, on a GPU the GPU's memory; None likewise."""
    mean_iou: float | None = None
    """Mean IoU on the split, 0-1; None where it was not measured or is not defined."""

    @property
    def median_seconds(self) -> float:
        """Median seconds of a run."""
        return statistics.median(self.seconds)

    @property
    def images_per_second(self) -> float:
        """Images per second, by the median run."""
        return self.batch / self.median_seconds

    def to_dict(self) -> dict[str, Any]:
        """The form as JSON types."""
        return {
            "name": self.name,
            "engine": self.engine,
            "precision": self.precision,
            "device": self.device,
            "seconds": list(self.seconds),
            "median_seconds": self.median_seconds,
            "images_per_second": self.images_per_second,
            "added_megabytes": self.added_megabytes,
            "peak_megabytes": self.peak_megabytes,
            "mean_iou": self.mean_iou,
        }


@dataclass(frozen=True)
class BenchmarkReport:
    """What was measured of a model, and the settings behind it."""

    checkpoint: str
    """Path or hub id of the model."""
    variant: str
    """Variant of the model."""
    size: tuple[int, int]
    """Height and width of the images in pixels."""
    batch: int
    """Images per run."""
    repeats: int
    """Timed runs of each form."""
    data: str | None
    """Data set, split and number of images of the mean IoU; None without a data set."""
    machine: dict[str, Any]
    """The machine and the library versions."""
    forms: tuple[Measured, ...]
    """The forms that were measured; PyTorch in fp32 is the first."""
    left_out: tuple[LeftOut, ...]
    """The forms that were not, and why."""

    @property
    def recommendation(self) -> str:
        """Which form to take, in one sentence."""
        return recommend(self.forms)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON types."""
        return {
            "checkpoint": self.checkpoint,
            "variant": self.variant,
            "size": list(self.size),
            "batch": self.batch,
            "repeats": self.repeats,
            "data": self.data,
            "machine": self.machine,
            "forms": [form.to_dict() for form in self.forms],
            "left_out": [form._asdict() for form in self.left_out],
            "recommendation": self.recommendation,
        }

    def save(self, folder: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Writes the report as JSON into a folder; returns the path of the file.

        Args:
            folder: folder for the file; it is created if needed.
            overwrite: whether to replace a file that encnet did not write, or that was changed since.

        Raises:
            InputError: the folder cannot be written to, or holds such a file.
        """
        path = Path(folder, FILE)
        check_outputs([path], overwrite=overwrite, argument="folder")
        write_text(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n")
        return path

    def table(self) -> Table:
        """A row for each form: time, speed, memory, and mean IoU in percent."""
        first = self.forms[0]
        height, width = self.size
        caption = f"speedup over {first.name}; memory that a run adds, and the peak of its process"
        if self.data is not None:
            caption += f"; mean IoU on {self.data}"
        runs = "1 run" if self.repeats == 1 else f"{self.repeats} runs"
        title = f"{self.variant} at {height}x{width}, batch {self.batch}: medians of {runs}"
        table = Table(title=title, caption=caption)
        columns = ("form", "time ms", "images/s", "speedup", "added MB", "peak MB")
        for column in (*columns, *(() if self.data is None else ("mean IoU %",))):
            table.add_column(column, justify="left" if column == "form" else "right", no_wrap=column == "form")
        for form in self.forms:
            cells = [
                form.name,
                f"{1000 * form.median_seconds:.1f}",
                f"{form.images_per_second:.2f}",
                f"{form.images_per_second / first.images_per_second:.2f}",
                _cell(form.added_megabytes, "{:.0f}"),
                _cell(form.peak_megabytes, "{:.0f}"),
            ]
            if self.data is not None:
                cells.append(_cell(form.mean_iou, "{:.2f}", 100))
            table.add_row(*cells)
        return table


def _cell(value: float | None, form: str, factor: float = 1) -> str:
    return "" if value is None else form.format(factor * value)


def recommend(forms: Sequence[Measured]) -> str:
    """Which form to take, in one sentence.

    It is the fastest form whose mean IoU is at most one point below that of the first; where no mean IoU was measured,
    the fastest form in fp32.

    Args:
        forms: PyTorch in fp32 is the first.
    """
    first = forms[0]
    if first.mean_iou is None:
        allowed = [form for form in forms if form.precision == "fp32"]
    else:
        least = first.mean_iou - POINT - 1e-9
        allowed = [form for form in forms if form.mean_iou is not None and form.mean_iou >= least]
    best = max(allowed, key=lambda form: form.images_per_second)
    speed = f"{best.images_per_second:.2f} images/s"
    if best is not first:
        speed += f", {best.images_per_second / first.images_per_second:.2f} times as fast as {first.name}"
    if first.mean_iou is not None and best.mean_iou is not None:
        reason = f"the fastest form within one point of the mean IoU of {first.name}"
        scores = f"{100 * best.mean_iou:.2f} %"
        if best is not first:
            scores += f" against {100 * first.mean_iou:.2f} %"
        return f"Take {best.name}, {reason}: {speed}, mean IoU {scores}."
    sentence = f"Take {best.name}, the fastest form in fp32: {speed}"
    faster = [form.name for form in forms if form.images_per_second > best.images_per_second]
    if not faster:
        return f"{sentence}."
    verb = "is" if len(faster) == 1 else "are"
    return f"{sentence}; {' and '.join(faster)} {verb} faster, but less exact: measure mean IoU with a data set first."
