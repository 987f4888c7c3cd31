"""Any data set that a generator writes is read exactly as it was meant, or refused: never as something else.

Each photograph shows its own labels: one band of a pixel, red in RGB, tells its class. A wrong pair, turn, palette, bit
depth or ignored value therefore shows as a class that has two codes, or a code that has two classes. All pixels of the
photograph are those that the generator meant.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from label_files import low_bits
from PIL import Image
from random_photographs import KINDS, RandomPhotographs, Shown
from sample_paths import path_of

from encnet.data.check import check_dataset
from encnet.data.formats import read_dataset
from encnet.data.labels import IGNORE
from encnet.data.tensors import load_sample
from encnet.system.errors import InputError

IGNORED = 9
"""The class of the generator whose pixels are ignored."""

ARRANGEMENTS = [
    ("images/{split}/{name}.{picture}", "labels/{split}/{name}.{suffix}"),
    ("{split}/imgs/{name}.{picture}", "{split}/masks/{name}.{suffix}"),
    ("{split}/{name}.{picture}", "{split}annot/{name}.{suffix}"),
    ("{split}/{name}_sat.{picture}", "{split}/{name}_mask.{suffix}"),
    ("images/{split}/day/{name}.{picture}", "labels/{split}/day/{name}_gt.{suffix}"),
    ("img/{name}.{picture}", "gt/{name}.{suffix}"),
]
COLORS = [(0, 0, 0), (200, 30, 0), (0, 120, 255), (250, 250, 10)]

TURNS = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}
"""EXIF orientation -> stored pixels as shown."""


def encoded(draw: Any, classes: np.ndarray, convention: str) -> tuple[Image.Image | bytes, str]:
    """A label map, and its suffix, in one of the ways in which the convention can be stored."""
    if convention == "color":
        if draw(st.booleans()):
            return Image.fromarray(np.array(COLORS, np.uint8)[classes]), "png"
        order = draw(st.permutations(range(len(COLORS))))
        image = Image.fromarray(np.argsort(order).astype(np.uint8)[classes])
        image.putpalette([level for index in order for level in COLORS[index]])
        return image, "png"
    values = {
        "index": np.where(classes == IGNORED, IGNORE, classes),
        "binary": (classes > 0) * 255,
        "spread": classes * 85,
    }[convention].astype(np.uint8)
    kinds = ["grey", "rgb", "tiff", "bmp"]
    if convention == "index":
        kinds += ["16 bits"] if (classes != IGNORED).all() else []
    if convention == "binary":
        kinds += ["1 bit", "16 bits, white"]
    if convention == "spread":
        kinds += ["2 bits"]
    kind = draw(st.sampled_from(kinds))
    if kind == "1 bit":
        return low_bits(values // 255, 1), "png"
    if kind == "2 bits":
        return low_bits(values // 85, 2), "png"
    if kind.startswith("16 bits"):
        return Image.fromarray(values.astype(np.uint16) * (257 if kind.endswith("white") else 1)), "png"
    image = Image.fromarray(values)
    return (image.convert("RGB") if kind == "rgb" else image), {"tiff": "tif", "bmp": "bmp"}.get(kind, "png")


def write(draw: Any, root: Path, kind: str) -> tuple[RandomPhotographs, dict[Path, Shown]]:
    """Writes a data set; returns its photographs, and what each of them shows."""
    photographs, shown_by = RandomPhotographs(draw, kind), dict[Path, Shown]()
    convention = draw(st.sampled_from(["index", "binary", "spread", "color"]))
    ignored = convention == "index" and draw(st.booleans())
    images, labels = draw(st.sampled_from(ARRANGEMENTS))
    stored = draw(st.booleans())
    for number in range(draw(st.integers(3, 6))):
        rows, columns, block = draw(st.integers(2, 4)), draw(st.integers(2, 4)), draw(st.integers(8, 11))
        count = 2 if convention == "binary" else 4
        kinds = [*range(count), *([IGNORED] if ignored else [])]
        seed = draw(st.integers(0, 2**16))
        grid = np.random.default_rng(seed).choice(kinds, (rows, columns))
        if number == 0:  # otherwise nobody could tell what the values of the data set are
            grid = np.resize(kinds, (3, 4))
        shown = np.kron(grid, np.ones((block, block), np.int64))
        orientation = draw(st.sampled_from([1, 1, 1, *TURNS]))
        turned = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
        split = "train" if number != 1 else "val"
        drawn = TURNS[turned](shown) if stored else shown
        label, suffix = encoded(draw, np.ascontiguousarray(drawn), convention)
        name = {"split": split, "name": f"p{number}", "suffix": suffix, "picture": photographs.suffix}
        image_file, label_file = root / images.format(**name), root / labels.format(**name)
        shown_by[image_file] = photographs.write(image_file, shown, number, orientation, TURNS[turned])
        label_file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(label, bytes):
            label_file.write_bytes(label)
        else:
            label.save(label_file)
    lines = [*photographs.lines]
    if draw(st.booleans()):
        lines.append(f"orientation: {'stored' if stored else 'shown'}")
    if convention == "color" and draw(st.booleans()):
        lines.append("labels: color")
    if lines:
        (root / "dataset.yaml").write_text("\n".join(lines) + "\n")
    return photographs, shown_by


READ: list[bool] = []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def random_data_set(kind: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        photographs, shown_by = write(data.draw, root, kind)
        try:
            index = read_dataset(root)
            check_dataset(index, Path(folder) / "cache").raise_if_problems()
        except InputError:
            READ.append(False)
            return
        pairs = set()
        for samples in index.splits.values():
            for sample in samples:
                image, label = load_sample(sample, index.labels, index.source)
                pixels, valid = shown_by[path_of(sample.image)]
                np.testing.assert_array_equal(image.numpy(), pixels)
                assert (label.numpy()[~valid] == IGNORE).all()
                pairs |= set(zip(pixels[photographs.place][valid].tolist(), label.numpy()[valid].tolist(), strict=True))
        meant, read = [code for code, _ in pairs], [label for _, label in pairs]
        assert len(set(meant)) == len(pairs) == len(set(read)), sorted(pairs)
        assert all((code == photographs.code(IGNORED)) == (label == IGNORE) for code, label in pairs), sorted(pairs)
        READ.append(True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_data_set_is_read_as_meant_or_refused(kind: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    READ.clear()
    random_data_set(kind)
    assert sum(READ) >= 0.1 * len(READ), "a reader that refuses everything reads nothing wrongly"
