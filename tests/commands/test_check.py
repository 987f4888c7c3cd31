"""`encnet check`: where its page goes, what it prints, and its exit statuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.cli import main
from encnet.data.formats import read_dataset
from encnet.data.scenes import write_scenes
from encnet.system.files import RECORD


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set beside an empty current folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return write_scenes(tmp_path / "data", train=2, val=1, test=0)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != RECORD}


@pytest.mark.parametrize(
    ("out", "page"),
    [
        ([], "check.html"),
        (["--out", "checked"], "checked/check.html"),
        (["--out", "new/page.html"], "new/page.html"),
        (["--out", "."], "check.html"),
        (["--out", "a.folder"], "a.folder/check.html"),
    ],
    ids=str,
)
def test_the_page_is_where_it_was_asked_for(
    data: Path, out: list[str], page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(data)
    assert main(["check", str(data), *out]) == 0
    assert files(Path()) == {page}
    assert files(data) == before
    printed = capsys.readouterr().out
    assert f"wrote {page}" in printed
    assert "2 in train, 1 in val" in printed


def test_in_the_data_set_no_page_is_written_and_the_note_says_how_to_get_one(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(data)
    monkeypatch.chdir(data)
    assert main(["check", "."]) == 0
    assert "no page is written, since the data set is not written to; name one by --out" in capsys.readouterr().err
    assert files(data) == before
    assert main(["check", ".", "--out", "../here"]) == 0
    assert files(data.parent / "here") == {"check.html"}


@pytest.mark.parametrize("out", ["page.html", "images", "."])
def test_a_page_in_the_data_set_is_refused_before_anything_is_read(
    data: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(data)
    assert main(["check", str(data), "--out", str(data / out)]) == 2
    error = capsys.readouterr().err.strip()
    assert "lies in the data set, which is only read; choose a place outside of it (--out)" in error
    assert "\n" not in error
    assert files(data) == before


def test_problems_are_on_the_page_too(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = (data / "labels/val").iterdir()
    Image.fromarray(np.full_like(np.asarray(Image.open(path)), 99)).save(path)
    assert main(["check", str(data)]) == 2
    assert "has undeclared value 99" in capsys.readouterr().err
    assert "has undeclared value 99" in Path("check.html").read_text()


def test_the_working_size_is_on_the_page(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(data), "--long-side", "100"]) == 0
    assert "resizes the long side of each image to 100 pixels" in Path("check.html").read_text()
    assert main(["check", str(data), "--long-side", "8"]) == 2
    assert "long_side is 8; it must be from 16 to 32768 pixels (--long_side)" in capsys.readouterr().err


def test_a_page_of_encnet_is_replaced_and_another_file_only_if_that_is_allowed(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(data)]) == main(["check", str(data)]) == 0
    Path("check.html").write_text("mine")
    assert main(["check", str(data)]) == 2
    assert Path("check.html").read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err
    assert main(["check", str(data), "--overwrite", "true"]) == 0
    assert "Check of data" in Path("check.html").read_text()


def test_a_description_to_edit_is_read_as_the_same_classes(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(data), "--describe", "d.yaml"]) == 2
    assert "is described already; leave out --describe" in capsys.readouterr().err
    (data / "dataset.yaml").unlink()
    before = read_dataset(data).labels
    assert main(["check", str(data), "--describe", str(data / "dataset.yaml")]) == 0
    assert "edit the names of the classes" in capsys.readouterr().out
    after = read_dataset(data).labels
    assert (after.names, after.palette, after.raw) == (before.names, before.palette, before.raw)
    written = (data / "dataset.yaml").read_bytes()
    (data / "dataset.yaml").rename("moved.yaml")
    assert main(["check", str(data), "--describe", "moved.yaml"]) == 2
    assert Path("moved.yaml").read_bytes() == written


def test_the_description_replaces_neither_an_input_nor_the_page(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "dataset.yaml").unlink()
    label = next((data / "labels/val").iterdir())
    before = label.read_bytes()
    assert main(["check", str(data), "--describe", str(label), "--overwrite", "true"]) == 2
    assert f"{label} is an input, which is never replaced" in capsys.readouterr().err
    assert label.read_bytes() == before
    assert main(["check", str(data), "--out", "c.html", "--describe", "../here/c.html"]) == 2
    assert "c.html is the page; choose another place for the description" in capsys.readouterr().err
    assert not files(Path())


def test_a_description_waits_for_the_problems_and_one_problem_is_one(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "dataset.yaml").unlink()
    next((data / "labels/train").iterdir()).unlink()
    assert main(["check", str(data), "--describe", "d.yaml"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"encnet: 1 problem in {data}; d.yaml is not written before it is mended"
    assert not Path("d.yaml").exists()
