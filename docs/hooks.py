"""What mkdocs does to the pages besides, so that they need nothing of a network and name nothing that is not there.

Links into the repository become text, formulas become MathML, which browsers draw themselves, and the script with which
the theme searches pages that are opened from a folder comes from third_party/.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert
from mkdocs.utils import get_relative_url

_OUTWARD = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?:src|tests|README)[^)]*\)")
_FORMULA = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_SHIM = re.compile(r"https://unpkg\.com/iframe-worker/shim")
_ROLE = re.compile(r":(?:attr|class|func|meth|mod):<code>")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Where a page is read in the repository, links open source files; the site has none."""
    return _OUTWARD.sub(r"\1", markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Formulas as MathML, and names in docstrings without the role that other tools give them."""
    html = _FORMULA.sub(lambda formula: convert(unescape(formula[1])), html)
    return _ROLE.sub("<code>", html)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """The theme's one script of another host, from this one."""
    return _SHIM.sub(get_relative_url("third_party/iframe-worker.js", page.url), output)


def on_post_template(output_content: str, template_name: str, **_: Any) -> str:
    """The same in 404.html, which lies beside the first page."""
    return _SHIM.sub("third_party/iframe-worker.js", output_content)
