"""Comparison of programs that do the same job, measured in turn: seconds, arithmetic, memory."""

from __future__ import annotations

import math
import statistics
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.console import Console

from benchmarks.peak import KERNELS, Kernel, Peak
from encnet.benchmark.images import Shape
from encnet.benchmark.measure import PAUSE, SMALL_SIDE, Memory, interleaved, memory_of_run, timed
from encnet.system.checks import require
from encnet.system.errors import InputError

PLAIN = "plain form"
MMSEGMENTATION = "MMSegmentation"


@dataclass(frozen=True)
class Form(ABC):
    """One of the programs."""

    name: str
    """Its name in the table."""
    precision: str
    """Number format: fp32, bf16 or int8."""

    @abstractmethod
    def timed(self, shape: Shape) -> AbstractContextManager[Callable[[], float]]:
        """A context that prepares a run and yields it; the run returns its seconds."""

    @abstractmethod
    def memory(self, shape: Shape) -> Memory:
        """The memory that a run takes in a process of its own."""

    @abstractmethod
    def gigaflop(self, shape: Shape) -> float | None:
        """Multiplications and additions of a run, in 10⁹; None where they cannot be counted."""


@dataclass(frozen=True)
class PreparedForm(Form):
    """A program that this Python runs; it can be pickled and prepared in another process."""

    @abstractmethod
    def prepare(self, shape: Shape) -> Callable[[], object]:
        """Builds what a run needs; returns the run."""

    @contextmanager
    def timed(self, shape: Shape) -> Iterator[Callable[[], float]]:
        yield timed(self.prepare(shape))

    def memory(self, shape: Shape) -> Memory:
        return memory_of_run(self.prepare, (shape,), small=((shape[0], SMALL_SIDE, SMALL_SIDE),))


@dataclass(frozen=True)
class Setting:
    """The setting that all programs of a comparison share.

    Raises:
        InputError: a number is out of its range; batch norm in a "training" step needs two images.
    """

    job: Literal["inference", "training"]
    variant: str
    """The network of this package, of :func:`encnet.list_models`."""
    classes: int
    height: int
    """Height of the images in pixels; at least 16."""
    width: int
    """Width of the images in pixels; at least 16."""
    batch: int
    """Images per run."""
    repeats: int
    """Timed runs of each program, after one that is not counted."""

    def __post_init__(self) -> None:
        numbers = {name: value for name, value in asdict(self).items() if isinstance(value, int)}
        check_sizes({"height": 16, "width": 16, "batch": 2 if self.job == "training" else 1}, **numbers)

    @property
    def shape(self) -> Shape:
        """Images, height, width."""
        return self.batch, self.height, self.width


def compare(
    forms: Sequence[Form], shape: Shape, repeats: int, kernels: Sequence[Kernel] = KERNELS, rival: str | None = None
) -> dict[str, Any]:
    """Measures all forms. Their runs take turns, also with the kernels that show the machine's best rate.

    Args:
        forms: the programs; their names must differ.
        shape: images, height and width of a run.
        repeats: timed runs of each, after one that is not counted.
        kernels: for the best rate of fp32 and bf16.
        rival: name of the form that all are compared with; None is MMSegmentation, or else the plain form, or else the
            first.

    Returns:
        JSON types: "peak" is :meth:`Peak.best`; "rival" is the rival's name; "forms" holds for each form "name",
        "precision", "seconds" of all runs, "median_seconds", "images_per_second", "times_faster" than the rival,
        "gigaflop", "gflop_per_second", "share_of_peak" (None where something is unknown), "added_megabytes" and
        "peak_megabytes".

    Raises:
        InputError: there is no form ``rival``, or a form cannot run.
    """
    names = [form.name for form in forms]
    reference = chosen_rival(names, rival)
    with Console(stderr=True).status("") as status:
        gigaflop: dict[str, float | None] = {}
        for form in forms:
            status.update(f"arithmetic of: {form.name}")
            gigaflop[form.name] = form.gigaflop(shape)
        peak = Peak([form.precision for form in forms], kernels)
        with ExitStack() as stack:
            runs = {}
            for form in forms:
                status.update(f"preparing: {form.name}")
                runs[form.name] = stack.enter_context(form.timed(shape))
            seconds = interleaved({**runs, **peak.runs}, repeats, PAUSE, lambda name: status.update(f"timing: {name}"))
            runs.clear()  # their networks, before the processes that measure memory start
        memory = {}
        for form in forms:
            status.update(f"memory of: {form.name}")
            memory[form.name] = form.memory(shape)
        best_rates = peak.best(seconds)
        medians = {name: statistics.median(seconds[name]) for name in names}
        rows = []
        for form in forms:
            median, gflop = medians[form.name], gigaflop[form.name]
            rate = None if gflop is None else gflop / median
            peak_rate = best_rates.get(form.precision, {}).get("gflop_per_second")
            rows.append(
                {
                    "name": form.name,
                    "precision": form.precision,
                    "seconds": seconds[form.name],
                    "median_seconds": median,
                    "images_per_second": shape[0] / median,
                    "times_faster": medians[reference] / median,
                    "gigaflop": gflop,
                    "gflop_per_second": rate,
                    "share_of_peak": None if rate is None or peak_rate is None else rate / peak_rate,
                    "added_megabytes": _known(memory[form.name].added),
                    "peak_megabytes": _known(memory[form.name].peak),
                }
            )
    return {"peak": best_rates, "rival": reference, "forms": rows}


def chosen_rival(names: Sequence[str], rival: str | None) -> str:
    """Returns the name of the form that all are compared with.

    Raises:
        InputError: there is no form ``rival``.
    """
    if rival is not None and rival not in names:
        raise InputError(f"there is no rival {rival!r} in this run; choose one of: {'; '.join(names)}", "rival")
    return rival or next((name for name in (MMSEGMENTATION, PLAIN) if name in names), names[0])


def check_sizes(least: Mapping[str, int], **values: int) -> None:
    """Raises :class:`InputError` where a value is below its minimum, which is 1 unless ``least`` holds another."""
    for name, value in values.items():
        require(value >= least.get(name, 1), name, value, f"at least {least.get(name, 1)}")


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
