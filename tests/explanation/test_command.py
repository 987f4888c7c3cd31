"""`encnet explain` on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from listing import visible
from PIL import Image

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.cli import main


@pytest.fixture
def checkpoint(build: Callable[..., EncNet], tmp_path: Path) -> Path:
    (tmp_path / "garden").mkdir()
    build().save(tmp_path / "garden/best.safetensors")
    return tmp_path / "garden/best.safetensors"


@pytest.fixture
def data(photographs: Path, tmp_path: Path) -> Path:
    """A data set with the images in its split val; its label maps are not read here."""
    for kind in ("images", "labels"):
        (tmp_path / "data" / kind / "val").mkdir(parents=True)
        for file in photographs.iterdir():
            (tmp_path / "data" / kind / "val" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "data/dataset.yaml").write_text(
        "name: garden\nlabels: value\nclasses:\n  - {name: lawn, value: 0}\n"
        "splits:\n  val: {images: images/val, labels: labels/val}\n"
    )
    return tmp_path / "data"


def test_explain_writes_a_page_and_arrays(
    checkpoint: Path, data: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, other = tmp_path / "out", photographs / "other.png"
    images = [str(photographs / "wide.png"), str(photographs / "tall.png")]
    options = ["--other", str(other), "--dataset", str(data), "--limit", "2", "--arrays", "true", "--groups", "4"]
    assert main(["explain", str(checkpoint), *images, "--out", str(out), *options]) == 0
    assert visible(out) == ["explanation.html", "tall.npz", "wide.npz"]
    printed = " ".join(capsys.readouterr().out.split())
    assert "wrote" in printed and "explanation.html and the arrays beside it" in printed
    assert "<h1>What best of garden saw</h1>" in (out / "explanation.html").read_text(encoding="utf-8")
    assert f"{data}: read as a folder of your own, because dataset.yaml" in printed
    assert "dead codewords, which no image of garden val gives" in printed
    expected = encnet.explain(checkpoint, images[0], other, groups=4, device="cpu")
    with np.load(out / "wide.npz", allow_pickle=False) as saved:
        np.testing.assert_array_equal(saved["labels"], expected.labels)
        np.testing.assert_allclose(saved["group_contribution"], expected.group_contribution, atol=1e-5)
        names = ["no context", "the context of other.png", "the average context of garden val"]
        assert saved["exchanges"].tolist() == names
        assert saved["use_share"].shape == (4,)


def test_explain_takes_a_folder_of_images(checkpoint: Path, photographs: Path, tmp_path: Path) -> None:
    assert main(["explain", str(checkpoint), str(photographs), "--out", str(tmp_path / "out")]) == 0
    assert visible(tmp_path / "out") == ["explanation.html"]


def test_pages_that_are_not_explained_are_told(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [Image.new("RGB", (32, 32), color) for color in ("red", "green", "blue")]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    assert main(["explain", str(checkpoint), str(tmp_path / "scan.tif"), "--out", str(tmp_path / "out")]) == 1
    assert "left out: 2 further pages or frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["CHECKPOINT", "no/*.jpg"], "no/*.jpg matches no image"),
        (["CHECKPOINT", "PHOTOGRAPHS", "--other", "nothing.png"], "there is no file nothing.png"),
        (["CHECKPOINT", "PHOTOGRAPHS", "--dataset", "nowhere"], "there is no data set folder nowhere"),
        (["CHECKPOINT", "PHOTOGRAPHS", "--dataset", "DATA", "--split", "dev"], "no split 'dev'"),
        (["CHECKPOINT", "PHOTOGRAPHS", "--dataset", "DATA", "--limit", "0"], "--limit is 0; it must be at least 1"),
        (["CHECKPOINT", "PHOTOGRAPHS", "--groups", "99"], "groups is 99; it must be from 1 to 16"),
        (["nothing.safetensors", "PHOTOGRAPHS"], "there is no checkpoint nothing.safetensors"),
        (["CHECKPOINT", "PHOTOGRAPHS", "--device", "abacus"], "abacus"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_one_sentence_and_leave_nothing(
    arguments: list[str],
    message: str,
    checkpoint: Path,
    data: Path,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    places = {"CHECKPOINT": str(checkpoint), "DATA": str(data), "PHOTOGRAPHS": str(photographs)}
    assert main(["explain", *(places.get(part, part) for part in arguments)]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert message in error[-1]
    assert not any("explaining" in line for line in error)  # it is refused before the first photograph
    assert error[-1].startswith("encnet: ")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_broken_image_is_found_before_anything_is_written(
    checkpoint: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photograph")
    arguments = [str(photographs / "wide.png"), str(broken), "--arrays", "true", "--out", str(tmp_path / "out")]
    assert main(["explain", str(checkpoint), *arguments]) == 2
    assert "broken.jpg as an image: it has the form of none; replace" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_video_and_a_folder_are_called_so(
    checkpoint: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"a film")
    assert main(["explain", str(checkpoint), str(film), "--out", str(tmp_path / "out")]) == 2
    assert f"encnet: {film} is a video, not an image; give an image" in capsys.readouterr().err
    words = [str(photographs / "wide.png"), "--other", str(photographs), "--out", str(tmp_path / "out")]
    assert main(["explain", str(checkpoint), *words]) == 2
    assert f"encnet: {photographs} is a folder, not an image; give an image file in it" in capsys.readouterr().err


def test_a_name_with_a_line_break_is_one_row_of_the_table(
    checkpoint: Path,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    photograph = tmp_path / "two\nrows.png"
    photograph.write_bytes((photographs / "wide.png").read_bytes())
    assert main(["explain", str(checkpoint), str(photograph), "--out", str(tmp_path / "out")]) == 0
    assert r" two\nrows.png " in capsys.readouterr().out
