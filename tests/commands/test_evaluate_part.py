"""Shares of an evaluation, and evaluations that go on where they stopped, beside one run over all images."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from encnet.checkpoint.create import create_model
from encnet.cli import main
from encnet.commands.command import WRONG_INPUT
from encnet.evaluation import scoring
from encnet.evaluation.image_scores import FILES
from encnet.evaluation.kept_scores import FOLDER
from encnet.system.signals import Stopped

COUNT = 7


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a checkpoint m.safetensors, and a data set data/ with seven photographs in val."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for split in ("images/val", "labels/val"):
        Path("data", split).mkdir(parents=True)
    for number in range(COUNT):
        Image.fromarray(random.integers(0, 255, (32, 40, 3), np.uint8)).save(f"data/images/val/{number}.png")
        Image.fromarray(random.integers(0, 3, (32, 40), np.uint8)).save(f"data/labels/val/{number}.png")
    Path("data/dataset.yaml").write_text("classes: [sky, road, car]\n", encoding="utf-8")
    model = create_model("encnet_tiny", num_classes=3)
    model.info.classes = ["sky", "road", "car"]
    model.save("m.safetensors")
    return tmp_path


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that the network runs on, in their order."""
    names: list[str] = []
    real = scoring._segmentations

    def counting(predictor: Any, index: Any, images: Any, samples: Any) -> Any:
        names.extend(sample.image.stem for sample in samples)
        return real(predictor, index, images, samples)

    monkeypatch.setattr(scoring, "_segmentations", counting)
    return names


def evaluate(out: str, *words: str) -> int:
    return main(["evaluate", "m.safetensors", "data", "--device", "cpu", "--workers", "0", "--out", out, *words])


def report(folder: str) -> dict[str, Any]:
    """The report's numbers, without those of time."""
    values = json.loads(Path(folder, "evaluation.json").read_text("utf-8"))
    return {name: value for name, value in values.items() if name not in ("seconds", "images_per_second")}


def fates(folder: str) -> list[str]:
    with Path(folder, FILES).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["file"] for row in rows] == [f"images/val/{number}.png" for number in range(COUNT)]
    assert all((row["fate"] == "scored") == (row["mean_iou"] != "") for row in rows)
    return [row["fate"] for row in rows]


def test_shares_together_are_the_whole(place: Path, scored: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("whole") == 0
    whole = list(scored)
    for number, there in ((3, 2), (1, 5)):
        scored.clear()
        capsys.readouterr()
        assert evaluate("shared", "--share", f"{number}/3") == 0
        assert scored == [str(place) for place in range(number - 1, COUNT, 3)]
        assert f"scored: {there} of 7 images; the process that scores the last writes" in capsys.readouterr().out
        assert fates("shared").count("scored") == there
        assert not Path("shared/evaluation.json").exists()
    assert evaluate("shared", "--share", "2/3") == 0
    assert report("shared") == report("whole")
    assert len(whole) == COUNT and not Path("whole", FILES).exists()
    # The worst images are shown with their predictions, whichever process made these.
    pages = [Path(folder, "evaluation.html").read_text("utf-8") for folder in ("whole", "shared")]
    assert pages[0].count("data:image/png;base64,") == pages[1].count("data:image/png;base64,")


def test_an_evaluation_goes_on_where_it_stopped(
    place: Path, scored: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("whole") == 0
    with monkeypatch.context() as context:
        scored.clear()
        real = scoring._segmentations

        def stopping(*arguments: Any) -> Any:
            if len(scored) == 4:
                raise Stopped(signal.SIGTERM)
            return real(*arguments)

        context.setattr(scoring, "_segmentations", stopping)
        assert evaluate("part") == 143
    assert "the same command with --resume goes on" in capsys.readouterr().err
    (kept,) = Path("part", FOLDER).iterdir()
    with kept.open("a", encoding="ascii") as file:
        file.write(f'{{"stamp": [], "cells": {10**30}, "at": 1e400}}\n{"[" * 100_000}\n{{"stamp": "cut off by a kil')
    os.utime("data/labels/val/1.png")
    scored.clear()
    assert evaluate("part", "--resume") == 0
    assert sorted(scored[:4]) == ["1", "4", "5", "6"]  # then the worst ones, for the page
    assert report("part") == report("whole")
    assert fates("part") == ["scored"] * COUNT
    scored.clear()
    assert evaluate("part") == 0  # anew
    assert scored == [str(number) for number in range(COUNT)]


def test_scores_stay_after_an_error_that_is_not_of_the_input(
    place: Path, scored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        real = scoring._segmentations

        def failing(*arguments: Any) -> Any:
            if len(scored) == 3:
                raise RuntimeError("the device is lost")
            return real(*arguments)

        context.setattr(scoring, "_segmentations", failing)
        with pytest.raises(RuntimeError, match="the device is lost"):
            evaluate("part")
    scored.clear()
    assert evaluate("part", "--resume") == 0
    assert scored[:4] == ["3", "4", "5", "6"]


def test_a_copy_of_the_data_under_another_name_has_the_same_scores(place: Path, scored: list[str]) -> None:
    assert evaluate("part", "--share", "1/2") == 0
    shutil.copytree("data", "elsewhere/data")
    scored.clear()
    words = ["evaluate", "m.safetensors", "elsewhere/data", "--device", "cpu", "--workers", "0", "--out", "part"]
    assert main([*words, "--share", "2/2"]) == 0
    assert sorted(scored[:3]) == ["1", "3", "5"] and Path("part/evaluation.json").exists()


def test_an_error_leaves_nothing_of_a_new_evaluation(place: Path, scored: list[str]) -> None:
    whole = Path("data/labels/val/3.png").read_bytes()
    Path("data/labels/val/3.png").write_bytes(whole[:40])
    assert evaluate("part") == WRONG_INPUT
    assert len(scored) == 3 and not Path("part").exists()
    assert evaluate("part", "--resume") == WRONG_INPUT
    Path("data/labels/val/3.png").write_bytes(whole)
    scored.clear()
    assert evaluate("part", "--resume") == 0
    assert scored[:4] == ["3", "4", "5", "6"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--protocol.flip", "true"],
            "were made with protocol.flip False, which is True now; evaluate without --resume",
        ),
        (
            ["--precision", "bf16"],
            "were made with precision fp32, which is bf16 now; evaluate without --resume and",
        ),
    ],
)
def test_other_settings_are_refused(
    place: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate("part", "--share", "1/2") == 0
    assert evaluate("part", "--resume", *words) == WRONG_INPUT
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("encnet: the results in part ") and message in line
    assert evaluate("part", "--share", "2/2", *words) == WRONG_INPUT  # another process may still be at work
    assert evaluate("part", *words) == 0  # anew
    assert evaluate("part", "--resume", *words) == 0
    assert evaluate("part", "--resume") == WRONG_INPUT


def test_other_weights_and_other_classes_are_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("part") == 0
    yaml = Path("data/dataset.yaml").read_text("utf-8")
    Path("data/dataset.yaml").write_text("classes: [sky, car, road]\n", encoding="utf-8")
    assert evaluate("part", "--resume") == WRONG_INPUT
    assert "were made with another meaning of the label maps; evaluate without" in capsys.readouterr().err
    Path("data/dataset.yaml").write_text(yaml, encoding="utf-8")
    model = create_model("encnet_tiny", num_classes=3)
    model.save("m.safetensors")
    assert evaluate("part", "--resume") == WRONG_INPUT
    assert "the results in part were made with other weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--share", "3/2", "--out", "o"], "it must be a number and the number of shares"),
        (["--share", "1/2"], "give --out too"),
        (["--resume"], "give --out too"),
        (["--choose_prior", "true", "--out", "o", "--share", "1/2"], "leave out --choose_prior"),
    ],
)
def test_what_cannot_be_shared_is_refused(
    place: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "m.safetensors", "data", *words]) == WRONG_INPUT
    assert message in capsys.readouterr().err
    assert not Path("o").exists()


def test_a_report_among_the_photographs_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its figures would be read as photographs without label maps."""
    before = sorted(Path("data/images/val").iterdir())
    assert evaluate("data/images/val") == WRONG_INPUT
    error = capsys.readouterr().err
    assert "data/images/val lies among the photographs or label maps of data, and would be read as more" in error
    assert sorted(Path("data/images/val").iterdir()) == before
