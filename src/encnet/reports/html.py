"""HTML reports: one file each, with its pictures inside, which needs no network. templates/page.html is the layout."""

from __future__ import annotations

import base64
import io
import math
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from encnet.system.files import write_text
from encnet.system.text import counted


class Picture(NamedTuple):
    """A picture of a page."""

    source: str  #: data URL
    alternative: str  #: alternative text: what the picture shows


def figure(png: bytes, alternative: str) -> Picture:
    """Makes a picture of a page from a PNG file, for example of :func:`encnet.reports.figures.figure_png`."""
    return _data_url("image/png", png, alternative)


def picture(image: Image.Image, alternative: str, photograph: bool = False) -> Picture:
    """Makes a picture of a page from an image.

    Args:
        image: image of any mode that PNG can hold.
        alternative: alternative text: what the image shows.
        photograph: store it as JPEG, which is a fifth of the size but lossy; otherwise as PNG.
    """
    buffer = io.BytesIO()
    if photograph:
        image.convert("RGB").save(buffer, format="JPEG", quality=88)
        return _data_url("image/jpeg", buffer.getvalue(), alternative)
    image.save(buffer, format="PNG")
    return figure(buffer.getvalue(), alternative)


def css_color(color: tuple[int, int, int]) -> str:
    """Returns an RGB colour, 0-255, in CSS notation."""
    return "rgb({}, {}, {})".format(*color)


def percent(value: float | None, digits: int = 1) -> str:
    """Formats a share, 0-1, in percent without the sign; None and nan become a dash. Also a filter in templates."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}"


def render(template: str, path: str | Path, **values: Any) -> None:
    """Renders a template of this package to a file. Text in ``values`` is escaped.

    Args:
        template: name of the template.
        path: file to write.
        values: values that the template names.

    Raises:
        InputError: the file cannot be written.
        jinja2.UndefinedError: the template names a value that is not given.
    """
    write_text(path, rendered(template, **values))


def rendered(template: str, **values: Any) -> str:
    """Renders a template of this package to HTML. Text in ``values`` is escaped.

    Args:
        template: name of the template.
        values: values that the template names.

    Raises:
        jinja2.UndefinedError: the template names a value that is not given.
    """
    return _templates().get_template(template).render(**values)


@cache  # it keeps the templates that it has compiled
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("encnet.reports", "templates"), autoescape=True, undefined=StrictUndefined
    )
    templates.filters["percent"] = percent
    templates.filters["counted"] = counted
    return templates


def _data_url(media_type: str, content: bytes, alternative: str) -> Picture:
    return Picture(f"data:{media_type};base64," + base64.b64encode(content).decode("ascii"), alternative)
