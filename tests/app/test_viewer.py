"""The part of the page that shows a segmentation equals the prediction."""

from __future__ import annotations

import base64
import html
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from encnet.app.answer import Prediction
from encnet.app.viewer import LONG_SIDE, viewer
from encnet.data.palette import distinct_palette
from encnet.inference.segmentation import Segmentation
from encnet.reports.pictures import colorize


def segmentation(height: int, width: int, presence: list[float] | None) -> Segmentation:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (height // 20, width // 20)).repeat(20, axis=0).repeat(20, axis=1).astype(np.uint8)
    image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    names, palette = ("sky", "<i>road</i>", "car"), ((1, 2, 3), (200, 100, 50), (9, 9, 9))
    probabilities = None if presence is None else np.array(presence, np.float32)
    return Segmentation(labels, probabilities, names, palette, image)


def pictures(text: str) -> dict[str, Image.Image]:
    """CSS class of each picture -> the picture."""
    found = re.findall(r'<img class="(\w+)" src="data:image/\w+;base64,([^"]+)"', text)
    return {name: Image.open(io.BytesIO(base64.b64decode(content))) for name, content in found}


@pytest.mark.parametrize("presence", [[0.9, 0.1, 0.8], None])
def test_the_viewer_holds_the_whole_prediction(presence: list[float] | None) -> None:
    shown = segmentation(100, 160, presence)
    text = viewer(shown)
    seen = pictures(text)
    assert set(seen) == {"photograph", "colors", "indices"}
    assert np.array_equal(np.asarray(seen["indices"]), shown.labels)
    inner = np.zeros(shown.labels.shape, bool)  # without the lines where classes meet
    inner.reshape(5, 20, 8, 20)[:, 3:-3, :, 3:-3] = True
    assert np.array_equal(np.asarray(seen["colors"])[inner], colorize(shown.labels, shown.palette)[inner])
    downloads = {name: html.unescape(value) for name, value in re.findall(r'data-(base64|text)="([^"]*)"', text)}
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(downloads["base64"])))), shown.labels)
    assert json.loads(downloads["text"]) == Prediction.of(shown).model_dump(mode="json", exclude_unset=True)
    assert (">presence<" in text) == (presence is not None)


def test_presence_of_a_class_that_every_training_image_has_is_said_to_say_nothing() -> None:
    shown = segmentation(100, 160, [0.9, 0.1, 0.8])
    assert "says nothing" not in viewer(shown)
    assert "That of sky says nothing: every training image has it, so the model" in viewer(shown, ["sky"])
    text = viewer(shown, ["sky", "<i>road</i>", "car", "a", "b", "c", "d"])
    assert "That of sky, &lt;i&gt;road&lt;/i&gt;, car, a, b and 2 more says nothing: every training image has" in text
    assert "says nothing" not in viewer(segmentation(100, 160, None), ["sky"])


def test_contradictory_classes_have_a_note() -> None:
    text = viewer(segmentation(100, 160, [0.9, 0.1, 0.8]))
    rows = {
        name: row for row in re.findall(r"<tr.*?</tr>", text, re.S) for name in ("sky", "road", "car") if name in row
    }
    assert "<small>" not in rows["sky"]
    assert "presence says no" in rows["road"]
    assert "presence says yes" in rows["car"]


def test_no_style_is_inline() -> None:
    """The content security policy of the page admits none."""
    text = viewer(segmentation(100, 160, [0.9, 0.1, 0.8]))
    assert "style=" not in text
    colors = ["rgb(1, 2, 3)", "rgb(200, 100, 50)", "rgb(9, 9, 9)"]
    assert sorted(re.findall(r'fill="([^"]+)"', text)) == colors
    assert sorted(re.findall(r'<line x2="([^"]+)"', text)) == ["10.0%", "80.0%", "90.0%"]


def test_class_names_are_escaped() -> None:
    text = viewer(segmentation(100, 160, None))
    assert "<i>road" not in text
    names = re.search(r"data-names='([^']*)'", text)
    assert names is not None
    assert json.loads(html.unescape(names[1])) == ["sky", "<i>road</i>", "car"]


def test_large_images_are_shown_smaller_and_downloaded_in_full_size() -> None:
    shown = segmentation(100, 2 * LONG_SIDE, None)
    text = viewer(shown)
    seen = pictures(text)
    assert {picture.size for picture in seen.values()} == {(LONG_SIDE, 50)}
    assert np.array_equal(np.asarray(seen["indices"]), shown.labels[1::2, 1::2])
    full = re.search(r'data-base64="([^"]*)"', text)
    assert full is not None
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(full[1])))), shown.labels)


def test_indices_of_more_than_255_classes_are_in_red_and_green() -> None:
    labels = np.array([[0, 255, 256], [299, 65535, 7]], np.uint16).repeat(20, axis=0).repeat(20, axis=1)
    names = tuple(f"c{c}" for c in range(300))
    shown = Segmentation(labels, None, names, distinct_palette(300), Image.new("RGB", (60, 40)))
    text = viewer(shown)
    red, green, _ = np.asarray(pictures(text)["indices"]).astype(int).transpose(2, 0, 1)
    assert np.array_equal(red + 256 * green, labels)
    download = re.search(r'data-base64="([^"]*)"', text)
    assert download is not None
    stored = Image.open(io.BytesIO(base64.b64decode(html.unescape(download[1]))))
    assert np.array_equal(np.asarray(stored), labels)
    shares = {c.name: c.share for c in Prediction.of(shown).classes if c.share}
    assert shares == {f"c{c}": pytest.approx(1 / 6, abs=1e-6) for c in (0, 7, 255, 256, 299)}
