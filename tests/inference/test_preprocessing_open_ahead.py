"""``Preprocessing.open_ahead`` opens images in their order, and reads files in a thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.inference.preprocessing import ImageInput, Preprocessing
from encnet.system.errors import InputError

UNCHANGED = Preprocessing()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("encnet-open")]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    for value in range(8):
        Image.new("RGB", (4, 3), (value, 0, 0)).save(tmp_path / f"{value}.png")
    return [tmp_path / f"{value}.png" for value in range(8)]


def reds(opened: Iterator) -> list[int]:
    return [future.result().image.getpixel((0, 0))[0] for future in opened]


@pytest.mark.parametrize("ahead", [1, 3, 20])
def test_order_is_kept(files: list[Path], ahead: int) -> None:
    mixed: list[ImageInput] = [*files[:3], Image.open(files[3]), np.asarray(Image.open(files[4])), *map(str, files[5:])]
    assert reds(UNCHANGED.open_ahead(mixed, ahead)) == list(range(8))
    assert threads() == []


def test_the_number_of_images_in_advance_is_limited(files: list[Path]) -> None:
    requested = []
    opened = UNCHANGED.open_ahead((requested.append(path) or path for path in files), ahead=2)
    next(opened)
    assert len(requested) == 3
    next(opened)
    assert len(requested) == 4


class RecordingPath(os.PathLike[str]):
    """A path that records which thread converts it to a file name."""

    def __init__(self, path: Path) -> None:
        self.path, self.read, self.thread = path, threading.Event(), ""

    def __fspath__(self) -> str:
        self.thread = threading.current_thread().name
        self.read.set()
        return str(self.path)


def test_files_are_read_while_the_caller_is_busy(files: list[Path]) -> None:
    paths = [RecordingPath(path) for path in files]
    with closing(UNCHANGED.open_ahead(paths, ahead=2)) as opened:
        next(opened)
        assert all(path.read.wait(timeout=20) for path in paths[:3])
        assert paths[2].thread.startswith("encnet-open")
        assert not paths[3].read.is_set()


def test_closing_ends_the_thread(files: list[Path]) -> None:
    with closing(UNCHANGED.open_ahead(files, ahead=2)) as opened:
        next(opened)
        assert len(threads()) == 1
    assert threads() == []


def test_errors_keep_the_order(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    futures = list(UNCHANGED.open_ahead([files[0], tmp_path / "bad.png", np.zeros(3), files[1]], ahead=1))
    assert reds(iter((futures[0], futures[3]))) == [0, 1]
    for future, message in ((futures[1], r"bad\.png"), (futures[2], r"shape \(3,\)")):
        with pytest.raises(InputError, match=message):
            future.result()


def test_an_array_may_be_overwritten_by_the_next_image() -> None:
    frame = np.zeros((3, 4, 3), np.uint8)

    def camera() -> Iterator[np.ndarray]:
        for value in range(6):
            frame[:] = value
            yield frame

    assert reds(UNCHANGED.open_ahead(camera(), ahead=3)) == list(range(6))


def test_the_image_for_the_network_may_be_smaller(files: list[Path]) -> None:
    opened = Preprocessing(long_side=2).open(files[5])
    assert (opened.image.size, opened.seen.size, opened.path) == ((4, 3), (2, 2), files[5])
    same = UNCHANGED.open(files[5])
    assert same.seen is same.image
