"""What every report shares: one file that asks nothing of a network and says in words what its pictures show."""

from __future__ import annotations

import base64
import io
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jinja2 import UndefinedError
from PIL import Image

from encnet.errors import InputError
from encnet.html import css_color, figure, percent, picture, render
from encnet.visualize import legend


class Tags(HTMLParser):
    """The tags of a page with their attributes, and which of them stay open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(tmp_path: Path) -> Any:
    """Renders a page of a report's parts, from the folder of the package's own templates."""

    def write(**changes: Any) -> Tags:
        photograph = picture(Image.new("RGB", (8, 6), (200, 90, 40)), 'a "brick" <b>', photograph=True)
        plot = figure(legend_png(), "a plot")
        example = {
            "name": "one <1>",
            "photograph": photograph,
            "prediction": photograph,
            "truth": photograph,
            "legend": [{"name": "brick & mortar", "color": css_color((200, 90, 40)), "share": 0.25}],
            "presence": [
                {"name": "brick", "probability": 0.91, "exists": True},
                {"name": "sky", "probability": 0.73, "exists": False},
            ],
        }
        values = {
            "title": "Walls <of> brick",
            "introduction": "An & introduction.",
            "facts": {"mean IoU": "73.8 %"},
            "curves": plot,
            "confusion": plot,
            "protocol": "plain",
            "columns": ["class", "IoU"],
            "classes": [["brick", "50.0"], ["sky", None]],
            "means": [["mean", "50.0"]],
            "examples": [example],
        }
        render("report.html", tmp_path / "page.html", **values, **changes)
        return Tags((tmp_path / "page.html").read_text(encoding="utf-8"))

    return write


def legend_png() -> bytes:
    buffer = io.BytesIO()
    legend(["brick"], [(200, 90, 40)]).save(buffer, format="PNG")
    return buffer.getvalue()


def test_a_page_is_whole_and_escapes_what_it_is_given(page: Any) -> None:
    tags = page()
    assert tags.open == []
    for text in ("Walls <of> brick", "An & introduction.", "one <1>", "brick & mortar 25.0 %", "91.0", "–"):
        assert text in " ".join(tags.text.split())
    assert [tag for tag, _ in tags.tags if tag == "b"] == []
    assert tags.text.count("Walls <of> brick") == 2  # in the tab and on the page


def test_a_page_asks_nothing_of_a_network(page: Any, tmp_path: Path) -> None:
    for tag, attributes in page().tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, attributes)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "url(" not in text
    assert "@import" not in text


def test_every_picture_has_words(page: Any) -> None:
    pictures = [attributes for tag, attributes in page().tags if tag == "img"]
    assert len(pictures) == 5
    assert all(attributes["alt"] for attributes in pictures)
    assert 'a "brick" <b>' in [attributes["alt"] for attributes in pictures]


def test_a_page_follows_the_light_and_the_width_of_its_reader(page: Any, tmp_path: Path) -> None:
    page()
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert 'content="width=device-width' in text
    light, dark = text.split("prefers-color-scheme: dark")[0], text.split("prefers-color-scheme: dark")[1]
    for name in ("--paper", "--card", "--ink", "--soft", "--line", "--bar", "--wrong"):
        assert f"{name}: #" in light
        assert f"{name}: #" in dark


def contrast(first: str, second: str) -> float:
    """WCAG 2's contrast of two colours #rgb or #rrggbb: from 1 to 21; text wants 4.5."""

    def luminance(color: str) -> float:
        digits = color.lstrip("#")
        digits = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
        parts = np.frombuffer(bytes.fromhex(digits), np.uint8) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ np.array([0.2126, 0.7152, 0.0722]))

    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_text_can_be_read_in_light_and_dark(page: Any, tmp_path: Path) -> None:
    page()
    light, dark = (tmp_path / "page.html").read_text(encoding="utf-8").split("prefers-color-scheme: dark")
    for half in (light, dark):
        colors = dict(re.findall(r"(--\w+): (#\w+)", half))
        for ink in ("--ink", "--soft"):
            for ground in ("--paper", "--card"):
                assert contrast(colors[ink], colors[ground]) >= 4.5, (ink, ground, colors)


def test_pictures_hold_their_image() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8))
    kind, content = picture(image, "noise").source.split(",", 1)
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as read:
        assert np.array_equal(np.asarray(read), np.asarray(image))
    kind, content = picture(image.convert("RGBA"), "noise", photograph=True).source.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as read:
        assert read.size == (7, 5)


def test_shares_are_percent_and_nothing_is_a_dash() -> None:
    assert [percent(0.123456), percent(1, 0), percent(None), percent(math.nan)] == ["12.3", "100", "–", "–"]


def test_a_value_that_is_not_given_is_an_error_and_leaves_no_page(tmp_path: Path) -> None:
    with pytest.raises(UndefinedError, match="introduction"):
        render("report.html", tmp_path / "page.html", title="x")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        render("page.html", tmp_path / "file" / "page.html", title="x")
