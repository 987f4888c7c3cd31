"""The server: page, routes and gate put together, and run until Ctrl-C."""

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
from encnet.errors import InputError


def create_app(service: Service, uploads: Path) -> ASGIApp:
    """The application that a server runs.

    Args:
        service: what predicts.
        uploads: folder for what visitors upload: what ``GRADIO_TEMP_DIR`` in the environment names.
    """
    app = FastAPI(
        title="encnet", version=version("encnet"), docs_url=None, redoc_url=None
    )  # their pages need a network
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
        service: what predicts.
        uploads: as for :func:`create_app`.
        host: the address to listen at; 127.0.0.1 is this machine alone, 0.0.0.0 all that reach it.
        port: 0 is any that is free.

    Raises:
        InputError: the address cannot be listened at.
    """
    with _listening(host, port) as listener:
        # Browsers keep a connection open that ends with the page: it is not waited for.
        config = uvicorn.Config(create_app(service, uploads), log_level="warning", timeout_graceful_shutdown=2)
        shown = f"[{host}]" if ":" in host else host
        print(f"http://{shown}:{listener.getsockname()[1]} shows the page; Ctrl-C ends it", flush=True)
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            service.close()


def _listening(host: str, port: int) -> socket.socket:
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address[0], port, *address[2:]))
    except (OSError, OverflowError) as error:
        if listener is not None:
            listener.close()
        raise InputError(
            f"cannot listen at {host}, port {port} ({error}); choose another --port, or 127.0.0.1 as --host"
        ) from error
    return listener
