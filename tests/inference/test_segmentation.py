import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from encnet.data.labels import IGNORE, LabelSet
from encnet.data.palette import distinct_palette
from encnet.inference.segmentation import Segmentation
from encnet.metrics.disagreement import disagreement
from encnet.system.errors import InputError

NAMES = ("sky", "road", "Bäume")


def segmentation(
    labels: np.ndarray, names: tuple[str, ...] = NAMES, presence: bool = True, path: Path | None = None
) -> Segmentation:
    return Segmentation(
        labels,
        np.linspace(0.1, 0.9, len(names), dtype=np.float32) if presence else None,
        names,
        distinct_palette(len(names)),
        Image.new("RGB", (labels.shape[1], labels.shape[0]), (90, 90, 90)),
        path,
    )


def test_a_notebook_shows_the_overlay() -> None:
    shown = segmentation(LABELS)
    picture = Image.open(io.BytesIO(shown._repr_png_()))
    assert picture.format == "PNG"
    assert (np.asarray(picture) == np.asarray(shown.overlay())).all()


LABELS = np.array([[0, 0, 1], [0, 2, 1]], np.uint8)


@given(arrays(np.uint8, (3, 5), elements=st.integers(0, 2)))
def test_shares_count_pixels(labels: np.ndarray) -> None:
    shares = segmentation(labels).shares()
    counts = {name: sum(int(label == i) for label in labels.flat) for i, name in enumerate(NAMES)}
    assert shares == pytest.approx({name: count / 15 for name, count in counts.items() if count}, abs=1e-6)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


@pytest.mark.parametrize("classes", [2, 3, 16, 17, 255])
def test_a_saved_label_map_keeps_values_and_colours(tmp_path: Path, classes: int) -> None:
    """It is read by the package's own reader and by Pillow."""
    labels = np.random.default_rng(0).integers(0, classes, (9, 11), dtype=np.uint8)
    result = segmentation(labels, tuple(f"class {i}" for i in range(classes)))
    written = result.save(tmp_path, overlay=False)
    assert [path.name for path in written] == ["image.png", "image.json"]
    np.testing.assert_array_equal(LabelSet.plain(result.names).load(written[0]), labels)
    with Image.open(written[0]) as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), labels)
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), np.asarray(result.palette)[labels])


def test_saved_files_are_named_after_the_image(tmp_path: Path) -> None:
    result = segmentation(LABELS, path=Path("somewhere/street.jpg"))
    assert [path.name for path in result.save(tmp_path / "new")] == ["street.png", "street_overlay.png", "street.json"]
    assert [path.name for path in result.save(tmp_path, "other")] == ["other.png", "other_overlay.png", "other.json"]
    assert all(path.is_file() for path in result.save(tmp_path))


def test_the_saved_json_lists_presence_and_shares(tmp_path: Path) -> None:
    result = segmentation(LABELS, path=Path("street.jpg"))
    *_, path = result.save(tmp_path, overlay=False)
    text = path.read_text(encoding="utf-8")
    assert "Bäume" in text
    saved = json.loads(text)
    assert saved == result.to_dict()
    assert (saved["file"], saved["width"], saved["height"]) == ("street.jpg", 3, 2)
    assert list(saved["presence"]) == ["Bäume", "road", "sky"]
    assert saved["shares"] == {"sky": 0.5, "road": 0.333333, "Bäume": 0.166667}


def test_without_presence_the_json_has_null() -> None:
    saved = segmentation(LABELS, presence=False).to_dict()
    assert saved["presence"] is None
    assert saved["disagreement"] is None
    assert segmentation(LABELS, presence=False).disagreement() is None


@given(arrays(np.uint8, (3, 5), elements=st.sampled_from([0, 1, 2, IGNORE])))
def test_disagreement_ignores_pixels_without_a_class(labels: np.ndarray) -> None:
    """The empty corners of rasters have such pixels."""
    result = segmentation(labels)
    counts = np.array([sum(int(label == i) for label in labels.flat) for i in range(3)])
    assert result.presence is not None
    expected = disagreement(counts / max(1, counts.sum()), result.presence)
    disagreement_of_pixels = result.disagreement()
    assert disagreement_of_pixels is not None
    assert disagreement_of_pixels.score == pytest.approx(expected.score)
    assert result.to_dict()["disagreement"] == pytest.approx(expected.score, abs=1e-6)


def test_the_overlay_depends_on_the_opacity() -> None:
    result = segmentation(LABELS)
    assert result.overlay(0).tobytes() != result.overlay(1).tobytes()
    with pytest.raises(InputError, match="opacity is 2"):
        result.overlay(2)


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        segmentation(LABELS).save(tmp_path / "file")
