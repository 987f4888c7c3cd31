from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encnet.data.scenes import (
    CLASSES,
    CONTEXT_CLASSES,
    CONTEXT_DISTANCE,
    PLACES,
    SMALL_CLASSES,
    Scene,
    generate_scene,
)
from encnet.system.errors import InputError

DISCS = {"harbour": "buoy", "farm": "pumpkin", "town": "ball"}
BOXES = {"harbour": "crate", "farm": "hay bale", "town": "bench"}
LANDMARKS = {"harbour": {"sea", "lighthouse", "boat"}, "farm": {"barn", "field"}, "town": {"house"}}
SIZES = [(160, 320), (128, 288), (161, 351), (300, 290), (320, 640)]

seeds = st.integers(0, 2**63)
sizes = st.tuples(st.integers(128, 200), st.integers(288, 400))


def names_in(scene: Scene) -> set[str]:
    return {CLASSES[index] for index in np.unique(scene.label)}


def columns_of(scene: Scene, names: set[str]) -> np.ndarray:
    """The pixel columns that contain one of the classes."""
    return np.flatnonzero(np.isin(scene.label, [CLASSES.index(name) for name in names]).any(axis=0))


def digest(scene: Scene) -> str:
    return hashlib.sha256(scene.image.tobytes() + scene.label.tobytes() + scene.place.encode()).hexdigest()


def test_the_same_seed_gives_the_same_scene_in_another_process():
    code = (
        "import hashlib; from encnet.data.scenes import generate_scene; s = generate_scene(11);"
        "print(hashlib.sha256(s.image.tobytes() + s.label.tobytes() + s.place.encode()).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == digest(generate_scene(11)) == digest(generate_scene(11))


def test_seeds_give_different_scenes():
    assert len({digest(generate_scene(seed, "farm")) for seed in range(12)}) == 12


def test_without_a_place_the_seed_chooses_one():
    scenes = [generate_scene(seed) for seed in range(24)]
    assert {scene.place for scene in scenes} == set(PLACES)
    assert all(digest(scene) == digest(generate_scene(seed, scene.place)) for seed, scene in enumerate(scenes))


@settings(max_examples=15, deadline=None)
@given(seeds, sizes)
def test_images_and_label_maps_have_the_documented_shapes_and_types(seed: int, size: tuple[int, int]):
    height, width = size
    scene = generate_scene(seed, height=height, width=width)
    assert (scene.image.shape, scene.image.dtype) == ((height, width, 3), np.uint8)
    assert (scene.label.shape, scene.label.dtype) == ((height, width), np.uint8)
    assert scene.label.max() < len(CLASSES)
    assert scene.image.flags.c_contiguous
    assert scene.label.flags.c_contiguous


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(6))
def test_only_the_strip_and_the_names_depend_on_the_place(seed: int, size: tuple[int, int]):
    """The principle of the data set: outside a strip at one side, the images of the three places are the same."""
    height, width = size
    strip = 90 * min(height / 160, width / 320)
    scenes = [generate_scene(seed, place, height=height, width=width) for place in PLACES]
    at_left = columns_of(scenes[0], LANDMARKS["harbour"]).max() < strip
    outside = slice(int(strip), width) if at_left else slice(0, width - int(strip))
    neutral = set(CLASSES).difference(CONTEXT_CLASSES, *LANDMARKS.values())
    for one, other in combinations(scenes, 2):
        np.testing.assert_array_equal(one.image[:, outside], other.image[:, outside])
        inside = np.ones(width, bool)
        inside[outside] = False
        assert (one.image != other.image)[:, inside].any()

        renamed = one.label[:, outside].copy()
        for kind in (DISCS, BOXES):
            renamed[renamed == CLASSES.index(kind[one.place])] = CLASSES.index(kind[other.place])
        np.testing.assert_array_equal(renamed, other.label[:, outside])
        same = one.label[:, outside] == other.label[:, outside]
        assert {CLASSES[index] for index in np.unique(one.label[:, outside][same])} <= neutral


@settings(max_examples=30, deadline=None)
@given(seeds, sizes, st.sampled_from(PLACES))
def test_ambiguous_objects_are_far_from_the_landmark(seed: int, size: tuple[int, int], place: str):
    scene = generate_scene(seed, place, height=size[0], width=size[1])
    objects, landmark = columns_of(scene, set(CONTEXT_CLASSES)), columns_of(scene, LANDMARKS[place])
    assert np.abs(objects[:, None] - landmark[None, :]).min() >= CONTEXT_DISTANCE


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from(PLACES))
def test_a_scene_has_a_disc_and_a_box_and_only_the_landmark_of_its_place(seed: int, place: str):
    found = names_in(generate_scene(seed, place))
    assert found & set(CONTEXT_CLASSES) == {DISCS[place], BOXES[place]}
    assert found & set().union(*LANDMARKS.values()) <= LANDMARKS[place]
    assert {"sky", "hill", "ground", "tree"} <= found
    assert {"harbour": "sea", "farm": "barn", "town": "house"}[place] in found


def test_every_class_occurs_in_36_scenes():
    found = [names_in(generate_scene(seed, PLACES[seed % 3])) for seed in range(36)]
    rare = {name for name in CLASSES if sum(name in names for names in found) < 3}
    assert not rare


def test_labels_agree_with_the_picture():
    """Discs are orange and boxes are brown in every light; gulls are dark against the sky."""
    for seed in range(20):
        scene = generate_scene(seed)
        for name, least in ((DISCS[scene.place], 60), (BOXES[scene.place], 15)):
            red, _, blue = scene.image[scene.label == CLASSES.index(name)].mean(axis=0)
            assert red - blue > least
        birds, sky = (scene.image[scene.label == CLASSES.index(name)] for name in ("bird", "sky"))
        assert not len(birds) or birds.mean() < sky.mean() - 20


def test_small_classes_are_small():
    for seed in range(12):
        label = generate_scene(seed).label
        for name in SMALL_CLASSES:
            assert (label == CLASSES.index(name)).sum() <= 4 * 10 * 5  # four of at most 10 × 5 pixels


def test_discs_have_the_documented_sizes():
    """A disc that is alone in its rows and columns is 10 to 22 pixels wide and as high."""
    widths = []
    for seed in range(40):
        scene = generate_scene(seed, "town")
        discs = scene.label == CLASSES.index("ball")
        columns = np.flatnonzero(discs.any(axis=0))
        if columns.max() - columns.min() < 24:  # one disc, or several above one another
            rows = np.flatnonzero(discs.any(axis=1))
            if rows.max() - rows.min() < 24:
                widths.append((len(columns), len(rows)))
    assert len(widths) >= 3
    assert all(10 <= w <= 23 and abs(w - h) <= 1 for w, h in widths)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": 0, "place": "desert"}, "desert"),
        ({"seed": 0, "height": 127}, "height"),
        ({"seed": 0, "width": 287}, "width"),
        ({"seed": 0, "width": "320"}, "width"),
    ],
)
def test_wrong_arguments_are_errors_that_name_them(arguments: dict, named: str):
    with pytest.raises(InputError, match=named):
        generate_scene(**arguments)
