"""Properties of every report: one file, no network, alternative texts, light and dark mode."""

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
from contrast import contrast
from image_files import encoded
from jinja2 import UndefinedError
from PIL import Image

from encnet.reports.html import css_color, figure, percent, picture, render
from encnet.reports.pictures import legend
from encnet.system.errors import InputError


class Tags(HTMLParser):
    """The tags of a page with their attributes, its text, and the tags that are not closed."""

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
    """Renders report.html with example values."""

    def write(**changes: Any) -> Tags:
        photograph = picture(Image.new("RGB", (8, 6), (200, 90, 40)), 'a "brick" <b>', photograph=True)
        plot = figure(encoded(legend(["brick"], [(200, 90, 40)])), "a plot")
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
            "notes": ["Every image has sky, so its presence says nothing."],
            "examples": [example],
        }
        render("report.html", tmp_path / "page.html", **values, **changes)
        return Tags((tmp_path / "page.html").read_text(encoding="utf-8"))

    return write


def test_a_page_closes_its_tags_and_escapes_values(page: Any) -> None:
    tags = page()
    assert tags.open == []
    for text in ("Walls <of> brick", "An & introduction.", "one <1>", "brick & mortar 25.0 %", "91.0", "–"):
        assert text in " ".join(tags.text.split())
    assert [tag for tag, _ in tags.tags if tag == "b"] == []
    assert tags.text.count("Walls <of> brick") == 2  # in the tab and on the page


def test_a_page_needs_no_network(page: Any, tmp_path: Path) -> None:
    for tag, attributes in page().tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, attributes)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "url(" not in text
    assert "@import" not in text


def test_every_picture_has_an_alternative_text(page: Any) -> None:
    pictures = [attributes for tag, attributes in page().tags if tag == "img"]
    assert len(pictures) == 5
    assert all(attributes["alt"] for attributes in pictures)
    assert 'a "brick" <b>' in [attributes["alt"] for attributes in pictures]


def test_a_page_has_light_and_dark_colours_and_follows_the_width_of_the_screen(page: Any, tmp_path: Path) -> None:
    page()
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert 'content="width=device-width' in text
    light, dark = text.split("prefers-color-scheme: dark")[0], text.split("prefers-color-scheme: dark")[1]
    for name in ("--paper", "--card", "--ink", "--soft", "--line", "--bar", "--wrong"):
        assert f"{name}: #" in light
        assert f"{name}: #" in dark


def rgb(color: str) -> tuple[int, ...]:
    """The numbers, 0-255, of a CSS colour #rgb or #rrggbb."""
    digits = color.lstrip("#")
    return tuple(bytes.fromhex(digits if len(digits) == 6 else "".join(2 * digit for digit in digits)))


def test_text_has_enough_contrast_in_light_and_dark(page: Any, tmp_path: Path) -> None:
    page()
    light, dark = (tmp_path / "page.html").read_text(encoding="utf-8").split("prefers-color-scheme: dark")
    for half in (light, dark):
        colors = dict(re.findall(r"(--\w+): (#\w+)", half))
        for ink in ("--ink", "--soft"):
            for ground in ("--paper", "--card"):
                assert contrast(rgb(colors[ink]), rgb(colors[ground])) >= 4.5, (ink, ground, colors)


def test_pictures_contain_their_image() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8))
    kind, content = picture(image, "noise").source.split(",", 1)
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as read:
        assert np.array_equal(np.asarray(read), np.asarray(image))
    kind, content = picture(image.convert("RGBA"), "noise", photograph=True).source.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(content))) as read:
        assert read.size == (7, 5)


def test_shares_are_percent_and_undefined_values_are_dashes() -> None:
    assert [percent(0.123456), percent(1, 0), percent(None), percent(math.nan)] == ["12.3", "100", "–", "–"]


def test_a_missing_value_is_an_error_and_writes_no_page(tmp_path: Path) -> None:
    with pytest.raises(UndefinedError, match="introduction"):
        render("report.html", tmp_path / "page.html", title="x")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        render("page.html", tmp_path / "file" / "page.html", title="x")
