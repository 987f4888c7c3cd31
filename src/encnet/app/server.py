"""The server: page, routes and gate in one application, served until Ctrl-C or SIGTERM."""

from __future__ import annotations

import logging
import math
import socket
import warnings
from collections.abc import Iterable
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from encnet.app.connection import MOST, Connection
from encnet.app.gate import Gate
from encnet.app.intake import Intake
from encnet.app.page import add_page
from encnet.app.problems import add_problems
from encnet.app.routes import add_routes
from encnet.app.service import Service
from encnet.system.errors import InputError

_WAITING = 2048  # connections that the system holds before they are accepted; uvicorn's number


def create_app(service: Service, names: Iterable[str] = (), token: str | None = None) -> ASGIApp:
    """Builds the application.

    Args:
        service: runs the model.
        names: names under which the server is reached, besides addresses and ``localhost``.
        token: the token that requests need; None for none.
    """
    # FastAPI's pages /docs and /redoc load scripts from a network.
    app = FastAPI(title="encnet", version=version("encnet"), docs_url=None, redoc_url=None, redirect_slashes=False)
    intake = Intake(service.limits)
    add_problems(app)
    add_routes(app, service, intake, token is not None)
    add_page(app, service, intake)
    return Gate(app, names, token)


def serve(service: Service, host: str, port: int, names: Iterable[str] = (), token: str | None = None) -> None:
    """Serves until Ctrl-C or SIGTERM; then answers the requests that have begun, for as long as one may take.

    Args:
        service: runs the model.
        host: address or name to listen on; 127.0.0.1 accepts this machine only, 0.0.0.0 all others too.
        port: port to listen on; 0 takes any free one.
        names: as for :func:`create_app`; ``host`` is one of them.
        token: as for :func:`create_app`.

    Raises:
        InputError: the server cannot listen on this address or port.
    """
    with _listening(host, port) as listener:
        config = uvicorn.Config(
            create_app(service, [*names, host], token),
            http=Connection,
            ws="none",
            lifespan="off",
            log_level="error",
            limit_concurrency=MOST,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=math.ceil(service.limits.timeout),
        )
        shown = f"[{host}]" if ":" in host else host
        # Decoders warn of damaged files, and whoever sends many would fill the log, and memory with the texts.
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        logging.getLogger("PIL").setLevel(logging.CRITICAL)
        print(f"http://{shown}:{listener.getsockname()[1]} is the page; press Ctrl-C to stop", flush=True)
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            service.close()


def _listening(host: str, port: int) -> socket.socket:
    listener, argument = None, "host"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        argument = "port"
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address[0], port, *address[2:]))
        listener.listen(_WAITING)
    except (OSError, OverflowError, UnicodeError) as error:  # UnicodeError: a name that no host can have
        if listener is not None:
            listener.close()
        raise InputError(
            f"cannot listen on {host}, port {port} ({error}); choose another {argument}", argument
        ) from error
    return listener
