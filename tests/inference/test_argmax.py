"""``most_probable`` against ``F.interpolate`` of all classes in float64."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from encnet.inference import argmax
from encnet.inference.argmax import Strip, by_rows, decidable, most_probable

Decide = Callable[[np.ndarray, tuple[int, int], bool], np.ndarray]
side = st.integers(1, 9)
pixels = st.integers(1, 40)


def with_tensors(logits: np.ndarray, size: tuple[int, int], align_corners: bool) -> np.ndarray:
    return most_probable(torch.from_numpy(logits), size, align_corners).numpy()


def with_channels_last(logits: np.ndarray, size: tuple[int, int], align_corners: bool) -> np.ndarray:
    return most_probable(logits.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2), size, align_corners)


def with_rows(logits: np.ndarray, size: tuple[int, int], align_corners: bool) -> np.ndarray:
    return by_rows(torch.from_numpy(logits), size, align_corners, elements=100).numpy()


def scene(rng: np.random.Generator, images: int, classes: int, h: int, w: int, kind: str) -> np.ndarray:
    """Class scores: noise; regions, as from a network; or small integers with many ties."""
    noise = rng.normal(size=(images, classes, h, w))
    if kind == "regions":
        winners = rng.integers(0, classes, (images, -(-h // 3), -(-w // 3))).repeat(3, 1).repeat(3, 2)[:, :h, :w]
        return noise + 8 * (np.arange(classes)[:, None, None] == winners[:, None])
    return noise.round() if kind == "ties" else noise


def check(labels: np.ndarray, logits: np.ndarray, size: tuple[int, int], align_corners: bool) -> None:
    """Checks that each label has the highest score, and is the only right one where the highest score is unique."""
    full = F.interpolate(torch.from_numpy(logits).double(), size, mode="bilinear", align_corners=align_corners)
    highest = full.amax(dim=1)
    score = full.gather(1, torch.from_numpy(labels.astype(np.int64))[:, None])[:, 0]
    tolerance = 1e-5 * float(full.abs().max())
    assert float((highest - score).max()) <= tolerance
    unique = (full > (highest - tolerance)[:, None]).sum(dim=1) == 1
    np.testing.assert_array_equal(labels[unique.numpy()], full.argmax(dim=1).numpy()[unique.numpy()])


@pytest.mark.parametrize("decided", [most_probable, with_tensors, with_channels_last, with_rows])
@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    kind=st.sampled_from(["noise", "regions", "ties"]),
    images=st.integers(1, 2),
    classes=st.integers(1, 7),
    sides=st.tuples(side, side),
    size=st.tuples(pixels, pixels),
    align_corners=st.booleans(),
)
def test_labels_have_the_highest_interpolated_scores(
    decided: Decide,
    seed: int,
    kind: str,
    images: int,
    classes: int,
    sides: tuple[int, int],
    size: tuple[int, int],
    align_corners: bool,
) -> None:
    logits = scene(np.random.default_rng(seed), images, classes, *sides, kind).astype(np.float32)
    found = decided(logits, size, align_corners)
    assert found.dtype == np.uint8
    assert found.shape == (images, *size)
    check(found, logits, size, align_corners)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("kind", ["noise", "regions"])
@pytest.mark.parametrize(("elements", "cores"), [(1, 2), (700, 1), (700, 5), (10**9, 1), (10**9, 200)])
def test_blocks_change_nothing(
    align_corners: bool, kind: str, elements: int, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = scene(np.random.default_rng(0), 2, 5, 11, 13, kind)
    expected = most_probable(logits, (83, 101), align_corners)
    monkeypatch.setattr(argmax, "ELEMENTS", elements)
    monkeypatch.setenv("OMP_NUM_THREADS", str(cores))
    np.testing.assert_array_equal(most_probable(logits, (83, 101), align_corners), expected)


@pytest.mark.parametrize(("classes", "dtype"), [(255, np.uint8), (256, np.uint16), (1000, np.uint16)])
@pytest.mark.parametrize("decided", [most_probable, with_tensors, with_rows])
def test_labels_of_more_than_255_classes_are_uint16_or_int32_in_tensors(
    decided: Decide, classes: int, dtype: type
) -> None:
    logits = scene(np.random.default_rng(0), 1, classes, 6, 5, "noise").astype(np.float32)
    found = decided(logits, (21, 30), False)
    assert found.dtype == (np.int32 if dtype is np.uint16 and decided is not most_probable else dtype)
    check(found, logits, (21, 30), False)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_give_the_same_labels(dtype: torch.dtype) -> None:
    logits = torch.from_numpy(scene(np.random.default_rng(0), 1, 4, 6, 5, "noise")).to(dtype)
    check(most_probable(logits, (20, 23)).numpy(), logits.double().numpy(), (20, 23), False)


def test_the_first_class_wins_a_tie() -> None:
    assert most_probable(np.zeros((1, 5, 3, 3), np.float32), (7, 8)).max() == 0
    two = np.zeros((1, 3, 1, 3), np.float32)
    two[0, 1, 0, 0] = two[0, 2, 0, 2] = 1  # class 1 to the left, 2 to the right, all equal in the middle
    np.testing.assert_array_equal(most_probable(two, (1, 3))[0, 0], [1, 0, 2])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_scores_give_some_class(value: float) -> None:
    logits = scene(np.random.default_rng(0), 1, 4, 6, 5, "noise").astype(np.float32)
    logits[0, 1, 2:4, 1:3] = value
    for decided in (most_probable, with_rows):
        assert decided(logits, (24, 20), False).max() < 4


def test_memory_does_not_hold_the_interpolated_scores() -> None:
    """Noise is the worst case, because every cell has pixels of many classes."""
    logits = scene(np.random.default_rng(0), 1, 150, 40, 50, "noise").astype(np.float32)
    full = 150 * 320 * 400 * 4
    tracemalloc.start()
    most_probable(logits, (320, 400))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < full / 2


@pytest.mark.parametrize("rows_first", [False, True])
@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    sides=st.tuples(st.integers(1, 25), side),
    size=st.tuples(st.integers(1, 120), pixels),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    align_corners=st.booleans(),
)
def test_strips_of_a_score_map_are_rows_of_its_labels(
    rows_first: bool,
    seed: int,
    sides: tuple[int, int],
    size: tuple[int, int],
    cuts: list[int],
    align_corners: bool,
) -> None:
    """Each strip is decided from the new rows and the last row before them."""
    logits = scene(np.random.default_rng(seed), 1, 4, *sides, "regions").astype(np.float32)
    decided, known, strips = 0, 0, []
    for cut in [*cuts, sides[0]]:
        top, known = max(0, known - 1), min(sides[0], known + cut)
        until = decidable(sides[0], size[0], known, align_corners)
        strip, rows = Strip(top, sides[0], slice(decided, until)), logits[:, :, top:known]
        if rows_first:
            strips.append(by_rows(torch.from_numpy(rows), size, align_corners, strip, elements=100).numpy())
        else:
            strips.append(most_probable(rows, size, align_corners, strip))
        assert strips[-1].shape == (1, until - decided, size[1])
        decided = until
    assert decided == size[0]
    check(np.concatenate(strips, axis=1), logits, size, align_corners)
