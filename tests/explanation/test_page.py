"""The page of explanations: one file that loads nothing and describes every picture."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.explanation.page import explanation_page
from encnet.explanation.use import CodewordUse, codeword_use


class Page(HTMLParser):
    """A parsed page: what a browser would load, the texts for pictures, the cells of tables, tags and text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.text, self.in_cell = "", False
        self.tags: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append(tag)
        self.loads += [value for name in ("src", "href", "srcset") if (value := attributes.get(name))]
        if tag == "img":
            self.words.append(attributes.get("alt") or "")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.in_cell &= tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.in_cell:
            self.rows[-1][-1] += data.strip()


@pytest.fixture
def use(build: Callable[..., EncNet], photographs: Path) -> CodewordUse:
    return codeword_use(build(), [photographs / "tall.png", photographs / "wide.png"], "garden val", device="cpu")


def test_the_page_has_every_image_and_exchange_and_loads_nothing(
    build: Callable[..., EncNet], use: CodewordUse, photographs: Path, tmp_path: Path
) -> None:
    model = build()
    found = [
        encnet.explain(model, photographs / f"{name}.png", photographs / "other.png", use, device="cpu")
        for name in ("wide", "tall")
    ]
    (tmp_path / "page.html").write_text(explanation_page(iter(found), "model.safetensors", use), encoding="utf-8")
    page = Page(tmp_path / "page.html")
    assert all(load.startswith(("data:", "#image-")) for load in page.loads)
    assert "script" not in page.tags
    assert "http" not in re.sub(r"data:[^\"]+", "", (tmp_path / "page.html").read_text(encoding="utf-8"))
    assert all(len(words) > 10 for words in page.words)
    assert len(page.words) == 2 * (4 + 4 + 1 + 3 * 2)  # each codeword has a map
    for part in ("What model.safetensors saw", "wide.png", "tall.png", "no context", "the context of other.png"):
        assert part in page.text
    assert "the average context of garden val" in page.text
    names = {row[0] for row in page.rows}
    assert {"sky", "road", "<b>dog</b>"} <= names  # escaped
    assert "b" not in page.tags


def test_the_figures_on_the_page_are_those_of_the_arrays(
    build: Callable[..., EncNet], use: CodewordUse, photographs: Path, tmp_path: Path
) -> None:
    found = encnet.explain(build(), photographs / "wide.png", use=use, device="cpu")
    (tmp_path / "page.html").write_text(explanation_page([found], "model", use), encoding="utf-8")
    page = Page(tmp_path / "page.html")
    rows = {row[0]: row[1:] for row in page.rows}
    favour, at_class = found.class_contribution()
    assert found.presence is not None
    for c, name in enumerate(found.names):
        row = rows[name]
        assert row[0] == f"{100 * found.presence[c]:.1f}"
        assert row[1] == f"{favour[c]:+.2f}"
        assert row[2] == ("–" if math.isnan(at_class[c]) else f"{at_class[c]:+.2f}")
        assert row[3] == f"{100 * found.shares()[c]:.1f}"
        assert row[4:] == [f"{100 * found.shares(exchange.labels)[c]:.1f}" for exchange in found.exchanges]
    first = found.transitions(found.exchanges[0])[0]
    assert rows[f"{found.names[first.before]} → {found.names[first.after]}"] == [f"{100 * first.share:.2f}"]
    for k in range(4):
        expected = [f"{100 * values[k]:.2f}" for values in (use.share, use.highest, use.strongest)]
        assert rows[f"{k}, dead" if k in use.dead else str(k)] == expected
    text = " ".join(page.text.split())
    for k in range(4):
        digits = 1 if found.usage[k] >= 0.01 else 3
        assert f"codeword {k}: {100 * found.usage[k]:.{digits}f} % of the pixels" in text


def test_the_page_without_data_set_and_presence_leaves_out_their_parts(
    build: Callable[..., EncNet], photographs: Path, tmp_path: Path
) -> None:
    found = encnet.explain(build(se=False), photographs / "wide.png", device="cpu")
    (tmp_path / "page.html").write_text(explanation_page([found], "model"), encoding="utf-8")
    page = Page(tmp_path / "page.html")
    assert "Codewords over" not in page.text
    assert "presence" not in {cell for row in page.rows for cell in row}
