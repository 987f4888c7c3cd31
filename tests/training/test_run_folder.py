"""The folder of a run: its lock, and what killed runs leave in it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from listing import visible

from encnet.system.errors import InputError
from encnet.training.run_folder import LOCK, _temporary_prefix, check_lock, check_run_folder, locked, remove_leftovers

HOLDING = """
import sys, time
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_two_runs_in_a_folder_are_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    check_lock(folder)
    assert not folder.exists()
    folder.mkdir()
    words = [sys.executable, "-c", HOLDING, str(folder / LOCK)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "locked\n"
        expected = r"another run trains in .*run; wait for its end"
        with pytest.raises(InputError, match=expected) as error:
            check_lock(folder)
        assert error.value.argument == "folder"
        with pytest.raises(InputError, match=expected):
            check_run_folder(folder, [], overwrite=True)
        other.kill()
    with locked(folder):
        pass
    check_lock(folder)


def test_what_killed_runs_leave_is_removed_and_nothing_else(tmp_path: Path) -> None:
    leftovers = [".best.abcd_123.safetensors", ".last.abcd_123.safetensors", ".config.abcd_123.yaml", "last.ckpt.part"]
    kept = [".best.safetensors", ".best.mine.safetensors", "best.safetensors", "notes.part", ".other.abcd_123.png"]
    for name in (*leftovers, *kept):
        (tmp_path / name).write_text("")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    sockets = Path(tempfile.mkdtemp(prefix=f"{_temporary_prefix(tmp_path)}{process.pid}-"))
    (sockets / "listener").write_text("")
    others = [
        Path(tempfile.mkdtemp(prefix=f"{_temporary_prefix(tmp_path)}{os.getpid()}-")),  # of a run in this process
        Path(tempfile.mkdtemp(prefix=f"{_temporary_prefix(tmp_path / 'other')}{process.pid}-")),
    ]
    remove_leftovers(tmp_path)
    assert visible(tmp_path) == sorted(kept)
    assert not sockets.exists()
    for folder in others:
        folder.rmdir()
