from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_paths import path_of

from encnet.data.formats import read_dataset
from encnet.data.scenes import CLASSES, PALETTE, scene_labels, write_scenes
from encnet.system.errors import InputError

DISCS_IN_TURN = ("buoy", "pumpkin", "ball")


def tree_of(root: Path) -> dict[str, tuple[bytes, int]]:
    """Path -> content and modification time, for every file below a folder."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "scenes", train=4, val=3, test=0, seed=5)


def test_written_scenes_are_read_back(small: Path):
    index = read_dataset(small)
    assert index.labels == scene_labels()
    assert {name: len(samples) for name, samples in index.splits.items()} == {"train": 4, "val": 3}
    assert [sample.image.name for sample in index.split("train")] == ["0000.png", "0001.png", "0002.png", "0003.png"]
    for split in ("train", "val"):
        for number, sample in enumerate(index.split(split)):
            assert sample.label is not None
            label = index.labels.load(sample.label)
            assert CLASSES.index(DISCS_IN_TURN[number % 3]) in label
            with Image.open(path_of(sample.image)) as image:
                assert (image.mode, image.size) == ("RGB", (320, 160))
            with Image.open(path_of(sample.label)) as image:
                assert (image.mode, image.size) == ("P", (320, 160))
                colors = np.asarray(image.convert("RGB"))
            np.testing.assert_array_equal(colors, np.asarray(PALETTE, np.uint8)[label])


def test_no_scene_is_written_twice(small: Path):
    contents = [content for name, (content, _) in tree_of(small).items() if name.startswith("images")]
    assert len(contents) == len(set(contents)) == 7


def test_a_scene_does_not_depend_on_the_number_of_scenes(small: Path, tmp_path: Path):
    more = tree_of(write_scenes(tmp_path / "more", train=5, val=4, test=1, seed=5))
    for name, (content, _) in tree_of(small).items():
        if name.endswith(".png"):
            assert more[name][0] == content


def test_a_folder_that_already_holds_the_scenes_is_left_as_it_is(small: Path):
    before = tree_of(small)
    calls = []
    again = write_scenes(small, train=4, val=3, test=0, seed=5, progress=lambda *call: calls.append(call))
    assert (again, tree_of(again), calls) == (small, before, [])


@pytest.mark.parametrize("other", [{"train": 5}, {"val": 2}, {"test": 1}, {"seed": 6}, {"height": 161}, {"width": 322}])
def test_a_folder_of_other_scenes_is_not_overwritten(small: Path, other: dict):
    before = tree_of(small)
    with pytest.raises(InputError, match="already holds something other"):
        write_scenes(small, **{"train": 4, "val": 3, "test": 0, "seed": 5, **other})
    assert tree_of(small) == before


def test_a_folder_of_something_else_is_not_overwritten(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="already holds something other"):
        write_scenes(tmp_path, train=1, val=0, test=0)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_missing_file_is_an_error(small: Path):
    (small / "labels/val/0001.png").unlink()
    with pytest.raises(InputError, match=r"0001\.png is missing"):
        write_scenes(small, train=4, val=3, test=0, seed=5)


def test_an_empty_folder_is_filled(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    assert len(read_dataset(write_scenes(tmp_path / "empty", train=1, val=1, test=0)).split("val")) == 1


def test_an_interrupted_run_leaves_nothing(tmp_path: Path):
    def interrupt(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    root = tmp_path / "deep" / "scenes"
    with pytest.raises(KeyboardInterrupt):
        write_scenes(root, train=3, val=0, test=0, progress=interrupt)
    assert not (tmp_path / "deep").exists()

    calls = []
    write_scenes(root, train=3, val=1, test=0, progress=lambda *call: calls.append(call))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["scenes"]


def test_two_runs_at_once_agree(tmp_path: Path):
    root = tmp_path / "scenes"

    def overtake(done: int, total: int) -> None:
        write_scenes(root, train=1, val=0, test=0)

    assert write_scenes(root, train=1, val=0, test=0, progress=overtake) == root
    assert len(read_dataset(root).split("train")) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "scenes"):
        with pytest.raises(InputError, match="file"):
            write_scenes(root, train=1, val=0, test=0)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"train": -1}, "train"),
        ({"val": 2.0}, "val"),
        ({"train": 0, "val": 0, "test": 0}, "no scenes"),
        ({"seed": -3}, "seed"),
        ({"height": 100}, "height"),
        ({"width": 100}, "width"),
    ],
)
def test_wrong_numbers_are_errors_that_name_them(tmp_path: Path, arguments: dict, named: str):
    with pytest.raises(InputError, match=named):
        write_scenes(tmp_path / "scenes", **arguments)
    assert list(tmp_path.iterdir()) == []
