"""What every verb offers, and what several share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

WRONG_INPUT = 2
INTERRUPTED = 130


class Command(Protocol):
    """What a module of this package is: its libraries are imported when it runs."""

    SUMMARY: str

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        ...

    def run(self, arguments: Any) -> int:
        """Does the job with the parsed arguments; returns the exit status."""
        ...


def add_device(parser: ArgumentParser) -> None:
    from typing import Literal

    parser.add_argument("--device", type=str, default="auto", help="cpu, cuda, cuda:1, ...; auto takes a GPU if any")
    parser.add_argument("--precision", type=Literal["fp32", "bf16", "fp16"], default="fp32", help="of the computation")
