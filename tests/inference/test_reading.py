from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.errors import InputError
from encnet.inference.preprocessing import Preprocessing
from encnet.inference.reading import ImageInput, open_ahead, open_input

AS_THEY_ARE = Preprocessing((0, 0, 0), (1, 1, 1))


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
    assert reds(open_ahead(mixed, AS_THEY_ARE, ahead)) == list(range(8))
    assert threads() == []


def test_few_are_read_ahead(files: list[Path]) -> None:
    asked = []
    opened = open_ahead((asked.append(path) or path for path in files), AS_THEY_ARE, ahead=2)
    next(opened)
    assert len(asked) == 3
    next(opened)
    assert len(asked) == 4


class Noted(os.PathLike[str]):
    """A path that notes which thread turns it into a file name."""

    def __init__(self, path: Path) -> None:
        self.path, self.read, self.thread = path, threading.Event(), ""

    def __fspath__(self) -> str:
        self.thread = threading.current_thread().name
        self.read.set()
        return str(self.path)


def test_files_are_read_while_the_caller_is_busy(files: list[Path]) -> None:
    noted = [Noted(path) for path in files]
    with closing(open_ahead(noted, AS_THEY_ARE, ahead=2)) as opened:
        next(opened)
        assert all(path.read.wait(timeout=20) for path in noted[:3])
        assert noted[2].thread.startswith("encnet-open")
        assert not noted[3].read.is_set()


def test_closing_ends_the_thread(files: list[Path]) -> None:
    with closing(open_ahead(files, AS_THEY_ARE, ahead=2)) as opened:
        next(opened)
        assert len(threads()) == 1
    assert threads() == []


def test_errors_come_in_their_place(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    futures = list(open_ahead([files[0], tmp_path / "bad.png", np.zeros(3), files[1]], AS_THEY_ARE, ahead=1))
    assert reds(iter((futures[0], futures[3]))) == [0, 1]
    for future, message in ((futures[1], r"bad\.png"), (futures[2], r"shape \(3,\)")):
        with pytest.raises(InputError, match=message):
            future.result()


def test_an_array_may_be_filled_anew() -> None:
    frame = np.zeros((3, 4, 3), np.uint8)

    def camera() -> Iterator[np.ndarray]:
        for value in range(6):
            frame[:] = value
            yield frame

    assert reds(open_ahead(camera(), AS_THEY_ARE, ahead=3)) == list(range(6))


def test_what_the_network_sees_may_be_smaller(files: list[Path]) -> None:
    opened = open_input(files[5], Preprocessing((0, 0, 0), (1, 1, 1), long_side=2))
    assert (opened.image.size, opened.seen.size, opened.path) == ((4, 3), (2, 2), files[5])
    same = open_input(files[5], AS_THEY_ARE)
    assert same.seen is same.image
