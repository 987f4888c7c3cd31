"""`encnet predict` on files of all kinds: inputs and the user's files are kept, and every file is accounted for."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from listing import visible
from PIL import Image

from encnet.checkpoint.create import create_model
from encnet.cli import main
from encnet.commands.command import INCOMPLETE, WRONG_INPUT


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a checkpoint m.safetensors, and photos/ with a.png, b.jpg and the annotation b.json."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (32, 40, 3), np.uint8)
    for name in ("a.png", "b.jpg"):
        Image.fromarray(pixels).save(f"photos/{name}")
    Path("photos/b.json").write_text('{"shapes": [], "imagePath": "b.jpg"}')
    model = create_model("encnet_tiny", num_classes=2)
    model.info.classes = ["x", "y"]
    model.save("m.safetensors")
    return tmp_path


def predict(*words: str) -> int:
    return main(["predict", "m.safetensors", *words, "--device", "cpu"])


def contents(folder: str) -> dict[str, str]:
    """Name -> digest of each file that the user sees."""
    return {name: hashlib.sha256(Path(folder, name).read_bytes()).hexdigest() for name in visible(Path(folder))}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photos", "--out", "photos"], "photos/a.png is an input, which is never replaced"),
        (["photos", "--out", "photos", "--overwrite", "true"], "photos/a.png is an input, which is never replaced"),
        (["photos/b.jpg", "--out", "photos"], "b.json exists, and encnet did not write it"),
        (["photos/b.jpg", "--bands", "1,2,3"], "--bands is for rasters, and none is given"),
        (["photos/b.jpg", "--value_range", "0,9"], "--value_range is for rasters"),
        (["photos/b.jpg", "--frames", "true"], "--frames is for videos"),
        (["photos/b.jpg", "--context_memory", "0.9"], "--context_memory is for videos"),
        (["photos/b.jpg", "--rank", "true", "--raster", "true"], "--rank is for photographs"),
        (["photos/b.jpg", "--overlay", "false", "--opacity", "0.3"], "--opacity is for overlays"),
        (["photos/b.jpg", "--no-overlay", "--clear", "x"], "--clear is for overlays"),
        (["photos/b.jpg", "--clear", "x,sky"], "clear is 'sky'; it must be the name of a class: x, y (--clear)"),
    ],
    ids=" ".join,
)
def test_a_refusal_is_one_sentence_and_changes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    before = contents("photos")
    assert predict(*words) == WRONG_INPUT
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("encnet: ") and message in line
    assert contents("photos") == before
    assert visible(place) == ["m.safetensors", "photos"]


def test_the_advice_of_a_refusal_works(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("photos/b.jpg", "--out", "photos") == WRONG_INPUT
    assert "(--overwrite)" in capsys.readouterr().err
    before = contents("photos")
    assert predict("photos/b.jpg", "--out", "photos", "--overwrite", "true") == 0
    after = contents("photos")
    assert after["a.png"] == before["a.png"] and after["b.jpg"] == before["b.jpg"]
    assert after["b.json"] != before["b.json"]
    assert set(json.loads(Path("photos/b.json").read_text())["presence"]) == {"x", "y"}


def test_the_same_command_runs_again_until_a_result_is_edited(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert predict("photos", "--out", "out") == 0
    first = contents("out")
    assert sorted(first) == ["a.json", "a.png", "a_overlay.png", "b.json", "b.png", "b_overlay.png"]
    with Image.open("out/a.png") as labels:
        corrected = labels.copy()
    corrected.putpixel((0, 0), 1 - int(np.asarray(corrected)[0, 0]))
    corrected.save("out/a.png")
    edited = contents("out")
    assert predict("photos", "--out", "out") == WRONG_INPUT
    assert "out/a.png exists, and encnet did not write it, or it was changed" in capsys.readouterr().err
    assert contents("out") == edited
    assert predict("photos", "--out", "out", "--overwrite", "true") == 0
    assert contents("out") == first


def test_results_among_the_inputs_are_not_predicted_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos/a.png").unlink()
    Path("photos/b.json").unlink()
    assert predict("photos", "--out", "photos") == 0
    first = contents("photos")
    capsys.readouterr()
    assert predict("photos", "--out", "photos") == 0
    assert contents("photos") == first
    assert capsys.readouterr().out.splitlines() == [
        "files: 6 found; used: 1 photograph",
        "left out: 5 files (.encnet, .encnet-predict, b.json, ...): results of encnet, which are inputs only if"
        " they are named",
        "wrote 1 prediction to photos",
    ]


def test_every_file_of_a_folder_is_accounted_for(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos/day2").mkdir()
    Image.new("RGB", (32, 32)).save("photos/day2/d.jpg")
    Image.new("RGB", (32, 32)).save("photos/g.gif")
    Image.new("RGB", (32, 32)).save("photos/j.jfif", format="JPEG")
    Path("photos/c.heic").write_bytes(b"0" * 99)
    assert predict("photos", "--out", "out") == INCOMPLETE
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "files: 7 found; used: 4 photographs",
        "left out: 1 file (b.json): no images or videos",
        "left out: 1 file (c.heic): encnet does not read .heic; convert to JPEG or PNG",
        'left out: 1 file (day2/d.jpg): sub-folders are not searched; give "photos/**" for them',
        "wrote 4 predictions to out",
    ]
    Path("photos/c.heic").unlink()
    assert predict("photos/**", "--out", "out2") == 0
    assert "d.png" in visible(Path("out2"))


def test_a_damaged_file_is_an_error_and_is_accounted_for(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("photos/bad.jpg").write_bytes(b"no photograph")
    Path("photos/raw.nef").write_bytes(b"no photograph")
    assert predict("photos", "photos/raw.nef", "--out", "out") == WRONG_INPUT
    captured = capsys.readouterr()
    assert "cannot read photos/bad.jpg as an image" in captured.err
    assert "convert it to JPEG or PNG" in captured.err  # the file that was named
    assert captured.out.splitlines()[0] == "files: 5 found; used: 2 photographs"
    assert "(photos/bad.jpg, photos/raw.nef): not predicted; the errors above say why" in captured.out


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_photograph_that_pillow_refuses_is_predicted_as_a_raster(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    rasterio = pytest.importorskip("rasterio")
    Image.new(mode, (90, 70), 50 if mode == "L" else (0, 90, 0)).save("large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    assert predict("large.png", "--out", "out") == 0
    captured = capsys.readouterr()
    assert "note: large.png has too many pixels for a photograph and is predicted as a raster" in captured.err
    assert captured.out.splitlines()[0] == "files: 1 found; used: 1 raster"
    with rasterio.open("out/large_labels.tif") as labels:
        assert labels.shape == (70, 90)


def test_the_advice_for_a_large_photograph_works(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rasterio")
    Image.new("RGB", (90, 70)).save("large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    assert predict("large.png", "--raster", "false", "--out", "out") == WRONG_INPUT
    assert "with `encnet predict --raster true`" in capsys.readouterr().err
    assert predict("large.png", "--raster", "true", "--out", "out") == 0


def test_areas_are_a_table_of_the_classes_in_each_photograph(place: Path) -> None:
    assert predict("photos", "--areas", "--out", "out") == 0
    with Path("out/areas.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    counted = {}
    for name in ("a.png", "b.jpg"):
        (stem,) = (path for path in Path("out").glob(f"{name[0]}*.png") if "overlay" not in path.name)
        values, numbers = np.unique(np.asarray(Image.open(stem)), return_counts=True)
        counted |= {(f"photos/{name}", "xy"[value]): int(n) for value, n in zip(values, numbers, strict=True)}
    assert {(row["file"], row["class"]): int(row["pixels"]) for row in rows} == counted
    for row in rows:
        assert float(row["share"]) == pytest.approx(int(row["pixels"]) / (32 * 40), abs=1e-6)
        assert 0 <= float(row["presence"]) <= 1
        assert row["square_metres"] == ""  # a photograph has no scale
