"""`encnet app`: a web page that segments photographs, and an HTTP route for programs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encnet.commands.command import add_engine, with_protocol_first
from encnet.system.errors import InputError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "a page that segments photographs, and an HTTP route for programs"


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.app.limits import Limits
    from encnet.inference.protocols.protocol import Protocol

    usual = Limits()
    parser.add_argument(
        "checkpoint",
        type=str,
        help="a checkpoint, the folder of a training run, or an exported model: .onnx, .xml or .pt2",
    )
    parser.add_argument(
        "--host", type=str, default="127.0.0.1", help="address to listen on; 0.0.0.0 accepts other machines"
    )
    parser.add_argument("--port", type=int, default=7860, help="port to listen on; 0 takes any free one")
    parser.add_argument(
        "--max_megapixels", type=float, default=usual.max_megapixels, help="largest image, in millions of pixels"
    )
    parser.add_argument(
        "--max_megabytes", type=float, default=usual.max_megabytes, help="largest file, in millions of bytes"
    )
    parser.add_argument("--timeout", type=float, default=usual.timeout, help="longest time until an answer, in seconds")
    parser.add_argument("--concurrency", type=int, default=usual.concurrency, help="images predicted at the same time")
    parser.add_argument("--protocol", type=Protocol, default=Protocol())
    add_engine(parser)


def prepared(words: list[str]) -> list[str]:
    return with_protocol_first(words)


def run(arguments: Any) -> int:
    from encnet.app.limits import Limits

    limits = Limits(arguments.max_megapixels, arguments.max_megabytes, arguments.timeout, arguments.concurrency)
    with tempfile.TemporaryDirectory(prefix="encnet-app-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads  # set before Gradio is imported, which would make a folder of its own
        try:
            from encnet.app.server import serve
            from encnet.app.service import Service
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in ("fastapi", "gradio", "pydantic", "starlette", "uvicorn"):
                raise
            raise InputError(
                f"the page needs {error.name}, which is not installed; run `pip install 'encnet[app]'`"
            ) from error
        from encnet.inference import Predictor

        predictor = Predictor(
            arguments.checkpoint, arguments.protocol, arguments.device, arguments.precision, arguments.engine
        )
        serve(Service(predictor, limits), Path(uploads), arguments.host, arguments.port)
    return 0
