"""`encnet app`: a web page that segments photographs, and an HTTP route for programs."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encnet.commands.command import add_engine, with_protocol_first
from encnet.system.errors import InputError, first_line
from encnet.system.text import say

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

TOKEN = "ENCNET_TOKEN"
_SHORTEST = 16
_PACKAGES = ("fastapi", "h11", "multipart", "pydantic", "python_multipart", "starlette", "uvicorn")
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
    parser.add_argument(
        "--allowed_hosts",
        type=str,
        nargs="+",
        default=[],
        metavar="NAME",
        help="names under which browsers reach the server, besides addresses and localhost; others are refused",
    )
    parser.add_argument(
        "--token_file",
        type=str,
        default=None,
        help=f"file with the token that every request has to send; else the environment variable {TOKEN}, else none",
    )
    parser.add_argument("--protocol", type=Protocol, default=Protocol())
    add_engine(parser)


def prepared(words: list[str]) -> list[str]:
    return with_protocol_first(words)


def run(arguments: Any) -> int:
    from encnet.app.limits import Limits

    limits = Limits(arguments.max_megapixels, arguments.max_megabytes, arguments.timeout, arguments.concurrency)
    token = _token(arguments.token_file)
    try:
        from encnet.app.gate import require_names
        from encnet.app.server import serve
        from encnet.app.service import Service
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in _PACKAGES:
            raise
        raise InputError(
            f"the page needs {error.name}, which is not installed; run `pip install 'encnet[app]'`"
        ) from error
    from encnet.inference import Predictor

    require_names(arguments.allowed_hosts)
    predictor = Predictor(
        arguments.checkpoint, arguments.protocol, arguments.device, arguments.precision, arguments.engine
    )
    if token is None and not _is_loopback(arguments.host):
        say(
            f"encnet: whoever reaches {arguments.host} can use the model; set a token with --token_file or {TOKEN}",
            error=True,
        )
    serve(Service(predictor, limits), arguments.host, arguments.port, arguments.allowed_hosts, token)
    return 0


def _token(path: str | None) -> str | None:
    """The token in a file or in the environment, where lists of processes do not show it; None if there is none.

    Raises:
        InputError: the file cannot be read, or the token is too short or has other characters.
    """
    argument = None if path is None else "token_file"
    if path is not None:
        source = path
        try:
            token = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the token in {path}: {first_line(error)}", "token_file") from error
    elif TOKEN in os.environ:
        source, token = TOKEN, os.environ[TOKEN].strip()
    else:
        return None
    if len(token) < _SHORTEST or not (token.isascii() and token.isprintable() and " " not in token):
        raise InputError(
            f"the token in {source} must have at least {_SHORTEST} ASCII characters and no space;"
            " `python -c 'import secrets; print(secrets.token_urlsafe())'` makes one",
            argument,
        )
    return token


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
