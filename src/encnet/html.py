"""HTML reports: one file each, pictures inside, no network needed; templates/page.html is their common look."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from encnet.files import write_text


class Picture(NamedTuple):
    """A picture inside a page."""

    source: str  #: data URL
    alternative: str  #: what it shows, for those who do not see it


def figure(png: bytes, alternative: str) -> Picture:
    """A PNG file, as :func:`encnet.visualize.figure_png` gives it, as a picture of a page."""
    return _data_url("image/png", png, alternative)


def picture(image: Image.Image, alternative: str, photograph: bool = False) -> Picture:
    """An image as a picture of a page.

    Args:
        image: of any mode that PNG can hold.
        alternative: what it shows, in words.
        photograph: store it as JPEG, a fifth of the size and not exact; else as PNG.
    """
    buffer = io.BytesIO()
    if photograph:
        image.convert("RGB").save(buffer, format="JPEG", quality=88)
        return _data_url("image/jpeg", buffer.getvalue(), alternative)
    image.save(buffer, format="PNG")
    return figure(buffer.getvalue(), alternative)


def css_color(color: tuple[int, int, int]) -> str:
    """RGB in 0-255 as CSS writes it."""
    return "rgb({}, {}, {})".format(*color)


def percent(value: float | None, digits: int = 1) -> str:
    """A share of 1 in percent, without the sign; a dash where it is not defined. Templates have it as a filter."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}"


def render(template: str, path: str | Path, **values: Any) -> None:
    """Writes the page that a template of this package makes of ``values``; text in them is escaped.

    Raises:
        InputError: the file cannot be written.
        jinja2.UndefinedError: the template names a value that is not given.
    """
    write_text(path, rendered(template, **values))


def rendered(template: str, **values: Any) -> str:
    """The HTML that a template of this package makes of ``values``; text in them is escaped.

    Raises:
        jinja2.UndefinedError: the template names a value that is not given.
    """
    pages = Environment(loader=PackageLoader("encnet", "templates"), autoescape=True, undefined=StrictUndefined)
    pages.filters["percent"] = percent
    return pages.get_template(template).render(**values)


def _data_url(kind: str, content: bytes, alternative: str) -> Picture:
    return Picture(f"data:{kind};base64," + base64.b64encode(content).decode("ascii"), alternative)
