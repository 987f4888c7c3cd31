"""`encnet app`: shows what a checkpoint does on a page, and answers programs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encnet.commands.command import add_engine
from encnet.errors import InputError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "a page that segments photographs, and an HTTP route for programs"


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.app.limits import Limits
    from encnet.inference.protocol import Protocol

    usual = Limits()
    parser.add_argument("checkpoint", type=str, help="a checkpoint, or an exported model: .onnx, .xml or .pt2")
    parser.add_argument("--host", type=str, default="127.0.0.1", help="where to listen; 0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=int, default=7860, help="where to listen; 0 takes any free one")
    parser.add_argument(
        "--max_megapixels", type=float, default=usual.max_megapixels, help="millions of pixels of an image, at most"
    )
    parser.add_argument("--max_megabytes", type=float, default=usual.max_megabytes, help="of its file, at most")
    parser.add_argument("--timeout", type=float, default=usual.timeout, help="seconds until an answer, at most")
    parser.add_argument("--concurrency", type=int, default=usual.concurrency, help="images predicted at the same time")
    parser.add_argument("--protocol", type=Protocol, default=Protocol())
    add_engine(parser)


def run(arguments: Any) -> int:
    from encnet.app.limits import Limits

    limits = Limits(arguments.max_megapixels, arguments.max_megabytes, arguments.timeout, arguments.concurrency)
    with tempfile.TemporaryDirectory(prefix="encnet-app-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads  # before it is imported: else it makes a folder that it leaves
        try:
            from encnet.app.server import serve
            from encnet.app.service import Service
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in ("fastapi", "gradio", "pydantic", "starlette", "uvicorn"):
                raise
            raise InputError(
                f"the page takes {error.name}, which is not installed; `pip install 'encnet[app]'`"
            ) from error
        from encnet.inference import Predictor

        predictor = Predictor(
            arguments.checkpoint, arguments.protocol, arguments.device, arguments.precision, arguments.engine
        )
        serve(Service(predictor, limits), Path(uploads), arguments.host, arguments.port)
    return 0
