"""The server: page, routes and gate in one application, served until Ctrl-C."""

from __future__ import annotations

import socket
from importlib.metadata import version
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from encnet.app.gate import Gate
from encnet.app.page import SCRIPT, STYLE, build_page, theme
from encnet.app.routes import add_routes
from encnet.app.service import Service
from encnet.system.errors import InputError


def create_app(service: Service, uploads: Path) -> ASGIApp:
    """Builds the application.

    Args:
        service: runs the model.
        uploads: folder of uploaded files, the one that ``GRADIO_TEMP_DIR`` in the environment names.
    """
    # FastAPI's pages /docs and /redoc load scripts from a network.
    app = FastAPI(title="encnet", version=version("encnet"), docs_url=None, redoc_url=None)
    add_routes(app, service)
    gr.mount_gradio_app(
        app,
        build_page(service, uploads),
        path="/",
        max_file_size=service.limits.max_bytes,
        allowed_paths=[],
        show_error=False,
        ssr_mode=False,
        pwa=False,
        footer_links=[],
        run_history=False,
        theme=theme(),
        css=STYLE,
        head=f"<script>{SCRIPT}</script>",
    )
    return Gate(app, uploads)


def serve(service: Service, uploads: Path, host: str, port: int) -> None:
    """Serves until Ctrl-C.

    Args:
        service: runs the model.
        uploads: as for :func:`create_app`.
        host: address to listen on; 127.0.0.1 accepts this machine only, 0.0.0.0 all others too.
        port: port to listen on; 0 takes any free one.

    Raises:
        InputError: the server cannot listen on this address or port.
    """
    with _listening(host, port) as listener:
        # Does not wait for the connection that each open page in a browser holds.
        config = uvicorn.Config(create_app(service, uploads), log_level="warning", timeout_graceful_shutdown=2)
        shown = f"[{host}]" if ":" in host else host
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
    except (OSError, OverflowError) as error:
        if listener is not None:
            listener.close()
        raise InputError(
            f"cannot listen on {host}, port {port} ({error}); choose another {argument}", argument
        ) from error
    return listener
