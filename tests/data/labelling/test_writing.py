"""Photographs of any bands and numbers are copied as they are, and sized without knowing how to read them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from band_files import write_bands
from labelled_exports import HEIGHT, LAWN, WIDTH, drawn, label_names, labelme, labelme_box

from encnet.data.formats import read_dataset
from encnet.data.labelling import import_labels
from encnet.data.labelling.annotations import AnnotatedImage
from encnet.data.labelling.writing import _stems
from encnet.data.tensors import SegmentationDataset
from encnet.system.errors import InputError

BANDS = [(4, "uint8"), (4, "uint16"), (1, "uint16"), (3, "uint16"), (5, "float32")]


def values(bands: int, dtype: str) -> np.ndarray:
    high = 256 if dtype == "uint8" else 4000
    return np.random.default_rng(bands).integers(0, high, (HEIGHT, WIDTH, bands)).astype(dtype)


def export(folder: Path, bands: int, dtype: str, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    """A folder of labelme with a TIFF, one.tif, that was labelled at a (height, width)."""
    write_bands(folder / "one.tif", values(bands, dtype))
    sizes = {"imageHeight": size[0], "imageWidth": size[1]}
    labelme(folder / "one.json", [labelme_box("lawn", LAWN)], imagePath="one.tif", **sizes)
    return folder


@pytest.mark.parametrize(("bands", "dtype"), BANDS)
@pytest.mark.parametrize("rasterio", [True, False])
def test_tiffs_of_any_bands_are_imported_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bands: int, dtype: str, rasterio: bool
) -> None:
    source = export(tmp_path / "in", bands, dtype)
    with monkeypatch.context() as patch:
        if not rasterio:
            patch.setitem(sys.modules, "rasterio", None)
        assert import_labels(source, tmp_path / "data").ledger.complete
    copy = tmp_path / "data/images/train/one.tif"
    assert copy.read_bytes() == (tmp_path / "in/one.tif").read_bytes()
    assert np.array_equal(label_names(tmp_path / "data")["one"], drawn(("lawn", LAWN)))


def test_the_imported_data_set_is_read_with_the_proposed_lines(tmp_path: Path) -> None:
    import_labels(export(tmp_path / "in", 4, "uint16"), tmp_path / "data")
    index = read_dataset(tmp_path / "data")
    with pytest.raises(InputError, match=r"one\.tif has 4 bands of uint16") as caught:
        SegmentationDataset(index.split("train"), index.labels, source=index.source)[0]
    lines = str(caught.value).split("`")[1::2]
    document = tmp_path / "data/dataset.yaml"
    document.write_text("\n".join([document.read_text(), *lines]) + "\n")
    index = read_dataset(tmp_path / "data")
    image, label = SegmentationDataset(index.split("train"), index.labels, source=index.source)[0][:2]
    assert image.shape == (4, HEIGHT, WIDTH)
    low, high = yaml.safe_load(document.read_text())["value_range"]
    expected = np.clip(np.rint(255 * (values(4, "uint16") - float(low)) / (high - low)), 0, 255)
    np.testing.assert_array_equal(image.numpy().transpose(1, 2, 0), expected)
    assert (label.numpy() == 0).sum() == (drawn(("lawn", LAWN)) == "lawn").sum()


def test_a_tiff_of_another_size_than_labelled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"one\.tif is 30 x 20 pixels, but was labelled at 31 x 20"):
        import_labels(export(tmp_path / "in", 4, "uint16", (HEIGHT, WIDTH + 1)), tmp_path / "data")


@pytest.mark.parametrize(
    ("names", "stems"),
    [
        (["a.jpg", "b.jpg"], ["a", "b"]),
        (["x/a.jpg", "y/a.jpg"], ["x_a", "y_a"]),
        (["a.jpg", "a.png", "a_2.jpg"], ["a", "a_3", "a_2"]),
        (["a_2.jpg", "a.jpg", "a.png", "a.tif"], ["a_2", "a", "a_3", "a_4"]),
        (["x/a.jpg", "y/a.jpg", "x_a.jpg"], ["x_a_2", "y_a", "x_a"]),
        (["a_b/c.jpg", "a/b_c.jpg", "a/b/c.jpg"], ["a_b_c", "b_c", "a_b_c_2"]),
        (["A.jpg", "a.jpg"], ["A", "a_2"]),
    ],
)
def test_no_two_photographs_get_one_name(names: list[str], stems: list[str]) -> None:
    images = [AnnotatedImage(name, bytes, None, ()) for name in names]
    assert _stems(images) == stems
