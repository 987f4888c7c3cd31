"""The page in a real Chromium: actions of a visitor, and their effect on the page."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from contrast import contrast
from image_files import encoded
from PIL import Image

_STYLE = """(node, what) => {
  for (; node; node = node.parentElement) {
    const color = getComputedStyle(node)[what];
    if (!/^rgba\\(.*, 0\\)$/.test(color)) return color; // not transparent
  }
}"""
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 720}


@pytest.fixture
def visit(server: SimpleNamespace, browser: Any) -> Iterator[Callable[..., Any]]:
    """(options of a browser context) -> the opened page. Fails if a page contacts another host or logs an error."""
    contexts, asked, errors = [], [], []

    def open_(errors_expected: bool = False, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("request", lambda request: asked.append(request.url))
        if not errors_expected:
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(server.url)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert len(asked) > 2
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []
    assert errors == []


def give(page: Any, content: bytes, name: str = "scene.png", kind: str = "image/png") -> None:
    """Uploads a file through the page."""
    page.locator("#photograph input[type=file]").first.set_input_files(
        {"name": name, "mimeType": kind, "buffer": content}
    )


@pytest.fixture
def content(scene: Image.Image) -> bytes:
    return encoded(scene)


@pytest.fixture
def result(visit: Callable[..., Any], content: bytes) -> Any:
    """The page after it has shown the result for ``scene``."""
    page = visit()
    give(page, content)
    page.locator("#result .stage").wait_for()
    return page


def picture(page: Any) -> np.ndarray:
    """A screenshot of the result, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(page.locator("#result .stage").screenshot())).convert("RGB"))


def test_the_table_shows_the_prediction(result: Any, server: SimpleNamespace, scene: Image.Image) -> None:
    expected = server.predictor(scene)
    rows = result.locator("#result table").first.locator("tbody tr")
    for i, (name, share) in enumerate(expected.shares().items()):
        assert rows.nth(i).locator("th").inner_text().split("\n")[0] == name
        assert rows.nth(i).locator("td").first.inner_text() == (
            f"{100 * share:.1f} %" if share >= 0.0005 else "< 0.1 %"
        )
        presence = 100 * float(expected.presence[expected.names.index(name)])
        assert rows.nth(i).locator("td").nth(1).inner_text().strip() == f"{presence:.0f} %"
        bar = rows.nth(i).locator(".bar")
        width = bar.locator("line").evaluate("line => line.getBBox().width") / bar.bounding_box()["width"]
        assert width == pytest.approx(presence / 100, abs=0.02)


def test_the_slider_blends_photograph_and_classes(result: Any, server: SimpleNamespace, scene: Image.Image) -> None:
    slider, expected = result.locator("#result .opacity input"), server.predictor(scene)
    seen = {}
    for opacity in (0, 50, 100):
        slider.fill(str(opacity))
        assert (
            result.locator("#result .colors").evaluate("node => getComputedStyle(node).opacity") == f"{opacity / 100:g}"
        )
        seen[opacity] = picture(result).astype(float)
    size = (seen[0].shape[1], seen[0].shape[0])
    photograph = np.asarray(scene.resize(size, Image.Resampling.BILINEAR), float)
    colors = np.asarray(expected.palette)[expected.labels].astype(np.uint8)
    colors = np.asarray(Image.fromarray(colors).resize(size, Image.Resampling.NEAREST), float)
    assert np.abs(seen[0] - photograph).mean() < 6  # it went through JPEG
    assert np.median(np.abs(seen[100] - colors).max(axis=2)) == 0  # but for the lines between classes
    assert np.abs(seen[50] - (seen[0] + seen[100]) / 2).mean() < 2
    slider.focus()
    slider.press("Home")
    slider.press("ArrowRight")
    assert result.locator("#result .colors").evaluate("node => node.style.opacity") == "0.01"


def test_the_class_under_the_pointer_is_named(result: Any, server: SimpleNamespace, scene: Image.Image) -> None:
    expected = server.predictor(scene)
    stage, said = result.locator("#result .stage"), result.locator("#result .pixel")
    box = stage.bounding_box()
    assert not said.is_visible()
    rng, named = np.random.default_rng(0), set()
    for _ in range(25):
        x, y = int(rng.integers(scene.width)), int(rng.integers(scene.height))
        at = {"x": (x + 0.5) * box["width"] / scene.width, "y": (y + 0.5) * box["height"] / scene.height}
        stage.hover(position=at, force=True)
        assert said.inner_text() == expected.names[expected.labels[y, x]]
        assert said.get_attribute("title") == f"column {x}, row {y}"
        inside = said.bounding_box()
        assert inside["x"] >= box["x"] - 1
        assert inside["x"] + inside["width"] <= box["x"] + box["width"] + 1
        named.add(said.inner_text())
    assert len(named) > 1
    result.mouse.move(5, 5)
    assert not said.is_visible()


def test_labels_and_classes_are_downloaded(
    result: Any, server: SimpleNamespace, scene: Image.Image, content: bytes
) -> None:
    files = {}
    for button in ("Label map", "Classes"):
        with result.expect_download() as download:
            result.locator("#result").get_by_role("button", name=button).click()
        files[download.value.suggested_filename] = Path(download.value.path()).read_bytes()
    assert set(files) == {"scene_labels.png", "scene.json"}
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(files["scene_labels.png"]))), server.predictor(scene).labels)
    assert json.loads(files["scene.json"]) == httpx.post(f"{server.url}/predict", content=content).json()


def test_a_refused_file_is_explained_on_the_page(visit: Callable[..., Any], content: bytes) -> None:
    page = visit(errors_expected=True)  # the browser logs each status of 400 and more
    problem = page.locator("#problem")
    wrong = {
        "not an image that can be read": b"not a picture",
        "the image is damaged": content[: len(content) // 2],
        "1000 x 600 pixels, more than 0.5 million": encoded(Image.new("RGB", (1000, 600))),
        "larger than 1 MB": b"\0" * 1_200_000,
    }
    for message, sent in wrong.items():
        give(page, sent, "photograph.png")
        problem.filter(has_text=message).wait_for()
        assert page.locator("#result .stage").count() == 0
        assert not page.locator(".working").is_visible()
    give(page, content)
    page.locator("#result .stage").wait_for()
    assert not problem.is_visible()


def test_a_server_that_has_ended_is_explained_on_the_page(visit: Callable[..., Any], content: bytes) -> None:
    page = visit(errors_expected=True)
    page.route("**/viewer", lambda route: route.abort())
    give(page, content)
    page.locator("#problem").filter(has_text="the server does not answer").wait_for()


def test_removing_the_photograph_removes_its_result(result: Any) -> None:
    result.get_by_role("button", name="Remove").click()
    result.locator("#result .stage").wait_for(state="detached")
    assert "appears here" in result.locator("#result").inner_text()
    assert not result.locator(".preview").is_visible()
    assert result.get_by_role("button", name="Show the codewords").is_disabled()


_FILE_EVENT = """([kind, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "scene.png", { type: "image/png" }));
  const options = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
  const made = kind === "paste" ? new ClipboardEvent(kind, options) : new DragEvent(kind, options);
  document.querySelector("#photograph .drop").dispatchEvent(made);
}"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_photograph_is_dropped_or_pasted(kind: str, visit: Callable[..., Any], content: bytes) -> None:
    page = visit()
    page.evaluate(_FILE_EVENT, [kind, list(content)])
    page.locator("#result .stage").wait_for()


def test_a_copied_photograph_is_pasted_by_the_button(visit: Callable[..., Any], content: bytes) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async (bytes) => navigator.clipboard.write([
          new ClipboardItem({ "image/png": new Blob([new Uint8Array(bytes)], { type: "image/png" }) })])""",
        list(content),
    )
    page.get_by_role("button", name="Paste").click()
    page.locator("#result .stage").wait_for()


def test_a_second_photograph_replaces_the_first(result: Any, scene: Image.Image) -> None:
    turned = scene.rotate(90, expand=True)
    result.get_by_role("button", name="Show the codewords").click()
    give(result, encoded(turned, "TIFF"), "turned.tif", "image/tiff")  # which browsers do not show
    result.locator(f"#result .stage[data-width='{turned.width}']").wait_for()
    result.wait_for_function("document.querySelector('.preview').naturalWidth > 0")
    result.locator(".working").wait_for(state="hidden")
    assert result.locator("#codewords figure").count() == 0


def test_the_button_shows_the_codewords(result: Any, server: SimpleNamespace, scene: Image.Image) -> None:
    from encnet.explanation.run import explain

    explanation = explain(server.predictor, scene, groups=1)
    result.get_by_role("button", name="Show the codewords").click()
    figures = result.locator("#codewords figure")
    figures.last.wait_for()
    groups = explanation.alike()
    assert figures.count() == len(groups) + 1
    for i, group in enumerate(groups):
        numbers, share = ", ".join(map(str, group)), 100 * explanation.usage[group].sum()
        assert figures.nth(i).inner_text().strip().startswith(f"{numbers}: {share:.1f} %")
    assert figures.locator("img").evaluate_all(
        "all => all.every(one => one.complete && one.naturalWidth > 0 && one.alt)"
    )


def test_the_camera_can_take_the_photograph(visit: Callable[..., Any]) -> None:
    page = visit(permissions=["camera"])
    page.get_by_role("button", name="Use the camera").click()
    page.locator("#photograph video").wait_for()
    page.get_by_role("button", name="Take the photograph").click()
    page.locator("#result .stage").wait_for()
    assert int(page.locator("#result .stage").get_attribute("data-width")) > 100
    assert not page.locator("#photograph video").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone(scheme: str, visit: Callable[..., Any], content: bytes) -> None:
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True, color_scheme=scheme)
    give(page, content)
    stage = page.locator("#result .stage")
    stage.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for part in (
        "#photograph .drop",
        "#result .stage",
        "#result .opacity input",
        "#result table",
        "#result .downloads",
    ):
        box = page.locator(part).first.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        assert box["width"] > 200
    stage.tap(position={"x": 100, "y": 60})
    assert page.locator("#result .pixel").is_visible()
    ink, paper = (page.locator("#result td").first.evaluate(_STYLE, what) for what in ("color", "backgroundColor"))
    assert contrast(rgb(ink), rgb(paper)) > 4.5  # WCAG 2, level AA


def rgb(color: str) -> list[float]:
    """The numbers of a CSS colour ``rgb(...)`` or ``rgba(...)``."""
    return [float(part) for part in color[color.index("(") + 1 : -1].split(",")[:3]]
