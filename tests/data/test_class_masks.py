from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from encnet.data.class_masks import ClassMasks
from encnet.data.inspection import inspect_label
from encnet.data.labels import LabelSet
from encnet.data.raw_counts import RawCounter
from encnet.system.errors import InputError


def write(folder: Path, masks: list[tuple[int, np.ndarray]], outside: int) -> ClassMasks:
    files = []
    for number, (target, mask) in enumerate(masks):
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{number}.png")
        files.append((target, folder / f"{number}.png"))
    return ClassMasks(str(folder / "{class}.png"), tuple(files), outside)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), classes=st.sampled_from([1, 2, 4, 255, 256, 300]), ignored=st.booleans())
def test_masks_are_drawn_as_loops_draw_them(tmp_path: Path, seed: int, classes: int, ignored: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = LabelSet.plain([str(c) for c in range(classes)])
    targets = sorted(rng.integers(0, classes, rng.integers(1, 5)).tolist())
    masks = [(target, rng.random((4, 6)) < 0.5) for target in targets]
    outside = labels.ignore if ignored else int(rng.integers(0, classes))
    drawn = write(tmp_path, masks, outside)
    expected, overlap = np.empty((4, 6), np.int64), 0
    for y in range(4):
        for x in range(6):
            at = [target for target, mask in masks if mask[y, x]]
            expected[y, x] = at[-1] if at else outside
            overlap += len(set(at)) > 1
    assert np.array_equal(drawn.values(), expected)
    loaded = labels.load(drawn)
    assert loaded.dtype == labels.dtype and np.array_equal(loaded, expected)
    result = drawn.drawn()
    assert np.array_equal(result.labels, expected) and result.overlap == overlap
    finding = inspect_label(drawn, labels, RawCounter(labels))
    assert finding.overlap == overlap and finding.size == (6, 4) and finding.problem is None
    assert dict(finding.pixels) == {int(v): int((expected == v).sum()) for v in np.unique(expected)}


def test_sizes_that_differ_are_an_error_that_names_both_files(tmp_path: Path) -> None:
    masks = write(tmp_path, [(0, np.ones((4, 6))), (1, np.ones((4, 5)))], 255)
    for read in (masks.values, masks.drawn):
        with pytest.raises(InputError, match=r"1\.png is 5 x 4 pixels .* but .*0\.png is 6 x 4"):
            read()
    finding = inspect_label(masks, LabelSet.plain(["a", "b"]), RawCounter(LabelSet.plain(["a", "b"])))
    assert finding.problem is not None and "0.png is 6 x 4" in finding.problem


def test_equal_masks_are_equal_and_travel_to_other_processes(tmp_path: Path) -> None:
    masks = write(tmp_path, [(0, np.ones((4, 6)))], 255)
    same = pickle.loads(pickle.dumps(masks))
    assert same == masks and hash(same) == hash(masks) and str(same) == str(tmp_path / "{class}.png")
    assert masks.files == (tmp_path / "0.png",) and masks.is_file()
    (tmp_path / "0.png").unlink()
    assert not masks.is_file()
