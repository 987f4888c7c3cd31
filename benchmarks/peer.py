"""MMSegmentation as a rival, in a process of its own with the Python of an environment that has it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.comparison import MMSEGMENTATION, Form
from encnet.benchmark.images import Shape
from encnet.benchmark.measure import SMALL_SIDE, Memory, forget_peak, held_megabytes, peak_megabytes
from encnet.system.errors import InputError

SCRIPT = Path(__file__).with_name("mmseg_peer.py")


class Peer:
    """The running process. It works only on request, so that its passes alternate with those of other programs.

    Args:
        python: the interpreter.
        settings: the argument of :mod:`benchmarks.mmseg_peer`.

    Attributes:
        versions: versions of the libraries in its environment.
        process_id: the id of the process.

    Raises:
        InputError: the interpreter cannot be started, or its environment has no MMSegmentation that works.
    """

    def __init__(self, python: str, settings: dict[str, Any]) -> None:
        self._python = python
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        try:
            self._process = subprocess.Popen(
                [python, str(SCRIPT), json.dumps(settings)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            self._errors.close()
            raise InputError(
                f"{python} cannot be started ({error.strerror or error}); give the Python of an environment that has"
                " MMSegmentation",
                "peer_python",
            ) from error
        self.process_id: int = self._process.pid
        try:
            self.versions: dict[str, str] = self._answer()["versions"]
        except InputError:
            self.close()
            raise

    def ask(self, command: str, shape: Shape) -> dict[str, Any]:
        """Sends a command for images, height and width; returns the answer.

        Raises:
            InputError: the command fails.
        """
        assert self._process.stdin is not None
        with suppress(OSError):  # the process has ended; _answer says why
            self._process.stdin.write(json.dumps({"command": command, "shape": list(shape)}) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(OSError):  # the process ended first
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        """Reads an answer; raises InputError where it is an error."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": self._last_words()}
        if "error" in answer:
            raise InputError(
                f"MMSegmentation cannot be run by {self._python}: {answer['error']}; give the Python of an environment"
                " in which it works, or leave it out",
                "peer_python",
            )
        return answer

    def _last_words(self) -> str:
        """The last line that the process wrote to standard error before it ended."""
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", errors="replace").split("\n")
        written = [line.strip() for line in lines if line.strip()]
        return written[-1] if written else f"it ended with status {self._process.returncode}"


@dataclass(frozen=True)
class PeerForm(Form):
    """MMSegmentation's EncNet on a dilated ResNet: prediction from uint8 images to label maps, or one training step."""

    python: str = ""
    job: str = "inference"
    """"inference" or "training"."""
    classes: int = 150
    depth: int = 50
    versions: str = ""
    """Versions of the libraries in its environment."""

    def gigaflop(self, shape: Shape) -> float | None:
        with self.started() as peer:
            return peer.ask("gigaflop", shape)["gigaflop"]

    @contextmanager
    def timed(self, shape: Shape) -> Iterator[Callable[[], float]]:
        with self.started() as peer:
            yield lambda: float(peer.ask("run", shape)["seconds"])

    def memory(self, shape: Shape) -> Memory:
        with self.started() as peer:
            peer.ask("run", (shape[0], SMALL_SIDE, SMALL_SIDE))
            peer.ask("settle", shape)
            before = held_megabytes(peer.process_id)
            forget_peak(peer.process_id)
            peer.ask("run", shape)
            peak = peak_megabytes(peer.process_id)
            return Memory(peak - before, peak)

    @contextmanager
    def started(self) -> Iterator[Peer]:
        """A context with the running process, whose network is built."""
        threads = torch.get_num_threads()
        settings = {"job": self.job, "classes": self.classes, "depth": self.depth, "threads": threads}
        peer = Peer(self.python, settings)
        try:
            yield peer
        finally:
            peer.close()


def peer_form(python: str, job: str, variant: str, classes: int) -> PeerForm:
    """The EncNet of MMSegmentation that a variant is compared with, on ResNet-101 if the variant is, else on ResNet-50.

    Raises:
        InputError: as for :class:`Peer`, which is started here, before minutes of measuring.
    """
    depth = 101 if "resnet101" in variant else 50
    form = PeerForm(MMSEGMENTATION, "fp32", python=python, job=job, classes=classes, depth=depth)
    with form.started() as peer:
        return replace(form, versions=", ".join(f"{name} {version}" for name, version in peer.versions.items()))
