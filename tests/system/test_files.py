"""The final name never holds a half-written file."""

from __future__ import annotations

from pathlib import Path

import pytest
from listing import visible

from encnet.system.errors import InputError
from encnet.system.files import replacing, write_text


def test_failure_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    target = tmp_path / "folder/report.html"
    write_text(target, "old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as temporary:  # noqa: PT012 (the block is what is tested)
        assert temporary.suffix == ".html"
        temporary.write_text("new, but only ha")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert visible(target.parent) == [target.name]


def test_written_file_has_the_default_mode(tmp_path: Path) -> None:
    reference = tmp_path / "reference"
    reference.write_text("")
    write_text(tmp_path / "text", "grün")
    assert (tmp_path / "text").read_text(encoding="utf-8") == "grün"
    assert (tmp_path / "text").stat().st_mode == reference.stat().st_mode


def test_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*file/inside"):
        write_text(tmp_path / "file/inside", "x")
