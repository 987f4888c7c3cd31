"""Stamps of files: they change with the content, also where tools restore the size and the time of the old content."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from encnet.data.sample_files import stamp

OLD = 315532800  # 1980-01-01, the time of files in many archives


def write_old(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, (OLD, OLD))


def test_a_file_that_was_overwritten_has_another_stamp(tmp_path: Path) -> None:
    write_old(tmp_path / "a.bmp", b"012")
    first = stamp(tmp_path / "a.bmp")
    assert stamp(tmp_path / "a.bmp") == first
    time.sleep(0.02)  # more than a tick of the clock of file systems
    write_old(tmp_path / "a.bmp", b"014")
    assert stamp(tmp_path / "a.bmp") != first


def test_a_file_that_was_replaced_has_another_stamp(tmp_path: Path) -> None:
    write_old(tmp_path / "a.bmp", b"012")
    first = stamp(tmp_path / "a.bmp")
    write_old(tmp_path / "mended.bmp", b"014")
    shutil.move(tmp_path / "mended.bmp", tmp_path / "a.bmp")
    assert stamp(tmp_path / "a.bmp") != first


def test_a_missing_file_has_no_stamp(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        stamp(tmp_path / "none.bmp")
