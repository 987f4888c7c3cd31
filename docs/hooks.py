"""Hooks of mkdocs that make the site complete in itself: it needs no network and has no dead links.

Links to files of the repository outside ``docs/`` become text. Formulas become MathML, which browsers draw themselves.
The theme's script for searching pages that are opened from a folder comes from ``third_party/``.
"""

from __future__ import annotations

import posixpath
import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert
from mkdocs.utils import get_relative_url

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)\s]*)\)")
_FORMULA = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_SHIM = re.compile(r"https://unpkg\.com/iframe-worker/shim")
_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):<code>")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Replaces links that leave ``docs/`` by their text: they open files in the repository, which the site lacks."""
    folder = posixpath.dirname(page.file.src_uri)

    def text_of_outward(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[2]))
        return link[1] if target.startswith("../") else link[0]

    return _LINK.sub(text_of_outward, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Writes formulas as MathML, and names in docstrings without the Sphinx role before them."""
    html = _FORMULA.sub(lambda formula: convert(unescape(formula[1])), html)
    return _ROLE.sub("<code>", html)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Loads the theme's one script of another host from this site."""
    return _SHIM.sub(get_relative_url("third_party/iframe-worker.js", page.url), output)


def on_post_template(output_content: str, template_name: str, **_: Any) -> str:
    """Loads the script from this site in 404.html too, which lies beside the first page."""
    return _SHIM.sub("third_party/iframe-worker.js", output_content)
