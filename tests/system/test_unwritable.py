"""Places that take no bytes end in one sentence, whatever a library makes of it; other errors stay what they are."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from full_disk import largest_file
from listing import visible
from PIL import Image
from safetensors.torch import save_file

from encnet.system.errors import InputError
from encnet.system.files import replacing, replacing_together, staging, write_files, write_text
from encnet.system.unwritable import UnwritableError, require_room, unwritable, writing_into

NUMBERS = torch.rand(100_000)


def write_picture(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)).save(path)


def write_arrays(path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, numbers=NUMBERS.numpy())


WRITERS: dict[str, Callable[[Path], object]] = {
    ".txt": lambda path: path.write_bytes(bytes(10_000)),
    ".png": write_picture,
    ".npz": write_arrays,
    ".ckpt": lambda path: torch.save({"numbers": NUMBERS}, path),  # "unexpected pos", without a reason
    ".safetensors": lambda path: save_file({"numbers": NUMBERS}, path),  # its own error, and the file is deleted
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_writer_names_the_file_and_the_free_space_and_keeps_what_was_there(suffix: str, tmp_path: Path) -> None:
    target = tmp_path / f"result{suffix}"
    target.write_text("old")
    sentence = (
        rf"^cannot write .*result{suffix}: {os.strerror(errno.EFBIG)} \([0-9.e+]+ \w+ free there\); make room, or"
    )
    with largest_file(5000), pytest.raises(UnwritableError, match=sentence), replacing(target) as temporary:
        WRITERS[suffix](temporary)
    assert target.read_text() == "old"
    assert visible(tmp_path) == [target.name]


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "gone", "input.png"), RuntimeError("bad"), KeyError()]
)
def test_errors_of_other_reasons_pass(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as found, replacing(tmp_path / "a.txt"):
        raise error
    assert found.value is error
    with pytest.raises(type(error)) as found, writing_into(tmp_path):
        raise error
    assert found.value is error
    assert visible(tmp_path) == []


def test_a_folder_that_vanishes_is_the_reason(tmp_path: Path) -> None:
    def vanish() -> None:
        shutil.rmtree(tmp_path / "mount")
        raise RuntimeError("iostream error")

    (tmp_path / "mount").mkdir()
    with (
        pytest.raises(UnwritableError, match=r"cannot write .*mount/a.txt: No such file"),
        replacing(tmp_path / "mount/a.txt"),
    ):
        vanish()
    (tmp_path / "mount").mkdir()
    with pytest.raises(UnwritableError, match=r"cannot write .*mount: No such file"), writing_into(tmp_path / "mount"):
        vanish()
    with pytest.raises(RuntimeError), writing_into(tmp_path / "mount"):  # it was not there before
        raise RuntimeError


def test_another_full_folder_is_named(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left", "/tmp/graph.onnx")
    with (
        pytest.raises(UnwritableError, match=r"cannot write /tmp/graph\.onnx: No space"),
        replacing(tmp_path / "a.onnx"),
    ):
        raise full
    copied = OSError(errno.ENOSPC, "No space left", "/tmp/source", None, str(tmp_path / "run/last.ckpt"))
    (tmp_path / "run").mkdir()
    with pytest.raises(UnwritableError, match=r"cannot write .*/run: No space"), writing_into(tmp_path / "run"):
        raise copied


def test_files_that_belong_together_are_all_old_or_all_new(tmp_path: Path) -> None:
    small, large = tmp_path / "report.json", tmp_path / "report.html"
    write_files({small: "old", large: b"old"})
    with largest_file(5000), pytest.raises(UnwritableError, match=r"cannot write .*report\.html"):
        write_files({small: "new", large: bytes(9000)})
    assert (small.read_text(), large.read_text()) == ("old", "old")
    write_files({small: "new", large: "new"})
    assert (small.read_text(), large.read_text()) == ("new", "new")
    assert visible(tmp_path) == ["report.html", "report.json"]


def test_folders_that_were_made_are_removed_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError), replacing_together([tmp_path / "a/b/c.txt", tmp_path / "a/d.txt"]):
        raise InputError("wrong")
    with pytest.raises(InputError), staging(tmp_path / "a/b"):
        raise InputError("wrong")
    assert visible(tmp_path) == []
    with pytest.raises(InputError), replacing(tmp_path / "a/late.txt"):  # noqa: PT012 (the block is what is tested)
        write_text(tmp_path / "a/early.txt", "is kept")
        raise InputError("wrong")
    assert visible(tmp_path / "a") == ["early.txt"]


def test_room_is_what_can_be_written(tmp_path: Path) -> None:
    require_room(tmp_path, 10_000)
    with largest_file(5000), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        require_room(tmp_path, 10_000)
    assert visible(tmp_path) == []


def test_only_a_full_disk_asks_for_room() -> None:
    assert "make room" in str(unwritable("a", OSError(errno.ENOSPC, "full")))
    assert "make room" not in str(unwritable("a", OSError(errno.EROFS, "read-only")))
    assert str(unwritable("a", "it is a folder")).startswith("cannot write a: it is a folder (")
