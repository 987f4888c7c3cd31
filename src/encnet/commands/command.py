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


def add_engine(parser: ArgumentParser) -> None:
    """Where and with what a model is run: ``--engine``, ``--device``, ``--precision``."""
    from encnet.inference.engines.engine import EngineName, Precision

    parser.add_argument(
        "--engine",
        type=EngineName,
        default="auto",
        help="what runs the model; auto is by its file: onnxruntime for .onnx, openvino for .xml, else pytorch; "
        "compile is pytorch with its compiler, and openvino takes .onnx too",
    )
    parser.add_argument("--device", type=str, default="auto", help="cpu, cuda, cuda:1, ...; auto takes a GPU if any")
    parser.add_argument(
        "--precision", type=Precision, default="fp32", help="of the computation; fp16 is for GPUs, int8 is in the file"
    )
