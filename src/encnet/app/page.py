"""The web page: a visitor gives a photograph and sees its classes."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes import Base

from encnet.app.service import Service
from encnet.app.upload import uploaded
from encnet.app.viewer import viewer
from encnet.reports.html import rendered
from encnet.system.errors import InputError

KEPT: int = 900
"""Seconds after which uploaded photographs are deleted."""

_TEMPLATES = files("encnet.reports") / "templates"
STYLE: str = (_TEMPLATES / "app.css").read_text(encoding="utf-8")
SCRIPT: str = (_TEMPLATES / "app.js").read_text(encoding="utf-8")

_EMPTY = '<p class="encnet-soft">The result appears here.</p>'


def theme() -> Base:
    """Returns Gradio's base theme with fonts of the visitor's system, so that none is fetched from a network."""
    return Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


def build_page(service: Service, uploads: Path) -> gr.Blocks:
    """Builds the page.

    Args:
        service: runs the model.
        uploads: folder in which Gradio stores uploaded files.
    """

    async def show(photograph: dict[str, Any] | None) -> str:
        if photograph is None:
            return _EMPTY
        return await answer(lambda: viewer(service.segment(content(photograph)), _name(photograph)))

    async def explain(photograph: dict[str, Any] | None) -> str:
        if photograph is None:
            raise gr.Error("give a photograph first", print_exception=False)
        from encnet.app.codewords import codewords  # needs PyTorch

        return await answer(lambda: codewords(service.explain(content(photograph))))

    def content(photograph: dict[str, Any]) -> bytes:
        return uploaded(photograph, uploads, service.limits)

    async def answer(job: Callable[[], str]) -> str:
        try:
            return await service.run(job)
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from error

    # `preprocess=False` gives the functions the raw data of the page. Otherwise Gradio would fetch the addresses and
    # open the files that it names; :func:`encnet.app.upload.uploaded` reads only uploads.
    quiet: dict[str, Any] = {"preprocess": False, "api_visibility": "private", "concurrency_limit": None}
    plain: dict[str, Any] = {"apply_default_css": False, "js_on_load": None}
    with gr.Blocks(title="encnet", analytics_enabled=False, delete_cache=(60, KEPT)) as page:
        gr.HTML(_introduction(service), **plain)
        with gr.Row():
            with gr.Column(min_width=300):
                photograph = gr.Image(
                    label="Photograph",
                    sources=["upload", "webcam", "clipboard"],
                    type="filepath",
                    height=320,
                    buttons=[],
                    webcam_options=gr.WebcamOptions(mirror=False, constraints={"video": {"facingMode": "environment"}}),
                    elem_id="photograph",
                )
                if service.explains:
                    button = gr.Button("Show the codewords", elem_id="explain")
                    maps = gr.HTML(elem_id="codewords", **plain)
                    button.click(explain, photograph, maps, **quiet)
                    photograph.change(lambda: "", None, maps, show_progress="hidden", **quiet)
            with gr.Column(min_width=300):
                result = gr.HTML(_EMPTY, elem_id="result", **plain)
                photograph.change(show, photograph, result, **quiet)
    return page


def _introduction(service: Service) -> str:
    return rendered(
        "app_introduction.html",
        names=service.predictor.names,
        variant=service.predictor.description.info.variant,
        limits=service.limits,
        minutes=KEPT // 60,
    )


def _name(photograph: dict[str, Any]) -> str:
    """Returns the name for downloads: that of the photograph, without characters that file systems may refuse."""
    stem = Path(str(photograph.get("orig_name") or "image")).stem
    return re.sub(r"[^\w.-]+", "_", stem)[:80] or "image"
