"""The command line: from data to predictions in processes of its own, and wrong input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from listing import visible
from PIL import Image

from encnet.checkpoint.create import create_model
from encnet.cli import VERBS, _command, main


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set of four pairs in folders, without a dataset.yaml."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / "data" / kind / split).mkdir(parents=True)
        for i in range(2):
            label = (np.arange(48)[:, None] + np.zeros((48, 40), int) > 20).astype(np.uint8)
            image = 100 * label[..., None] + rng.integers(0, 99, (48, 40, 3))
            Image.fromarray(image.astype(np.uint8)).save(tmp_path / f"data/images/{split}/{i}.jpg")
            Image.fromarray(label).save(tmp_path / f"data/labels/{split}/{i}.png")
    return tmp_path / "data"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """An untrained tiny network for the data set."""
    torch.manual_seed(0)
    model = create_model("encnet_tiny", 2)
    model.info.classes = ["class_0", "class_1"]
    model.info.palette = [[0, 0, 0], [255, 0, 0]]
    model.save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def encnet(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs ``encnet`` in a process of its own."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cwd or "/nonexistent"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error::DeprecationWarning:encnet", "-m", "encnet", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False, timeout=120)


def test_a_folder_of_images_becomes_a_model_scores_and_predictions(data: Path, tmp_path: Path) -> None:
    checked = encnet("check", data, cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "2 in train, 2 in val" in checked.stdout

    settings = [
        "--model.variant",
        "encnet_tiny",
        "--data.crop",
        "[32,32]",
        "--data.workers",
        "0",
        "--data.batch_size",
        "2",
    ]
    trained = encnet("train", data, *settings, "--epochs", 1, "--out", "run", "--accelerator", "cpu", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    best = tmp_path / "run/best.safetensors"
    assert "encnet evaluate run/best.safetensors" in trained.stdout

    evaluated = encnet(
        "evaluate", best, data, "--out", "scores", "--protocol.flip", "true", "--workers", 0, cwd=tmp_path
    )
    assert evaluated.returncode == 0, evaluated.stderr
    report = json.loads((tmp_path / "scores/evaluation.json").read_text())
    assert report["images"] == 2
    assert report["protocol"]["flip"] is True

    predicted = encnet("predict", best, data / "images/val", data / "images/train/*", "--out", "out", cwd=tmp_path)
    assert predicted.returncode == 0, predicted.stderr
    names = set(visible(tmp_path / "out"))
    stems = ("0", "1", "train_0", "train_1")  # images of equal names do not overwrite each other
    assert names == {stem + end for stem in stems for end in (".png", "_overlay.png", ".json")}
    with Image.open(tmp_path / "out/train_0.png") as labels:
        assert labels.size == (40, 48)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sing"], "there is no verb 'sing'; choose one of demo, import-labels"),
        (["train"], "give either the folder of a data set"),
        (["train", "DATA", "--resume", "x"], "a resumed run keeps its data set; leave out "),
        (["train", "nowhere"], "nowhere"),
        (["train", "DATA", "--epochs", "few"], "epochs"),
        (["train", "DATA", "--epochs", "0"], "epochs is 0; it must be a whole number from 1 to 2147483647 (--epochs)"),
        (["train", "DATA", "--data.crop", "[8,8]"], "each a whole number from 16 to 32768 (--data.crop)"),
        (["train", "DATA", "--optimizer.lr=-1"], "optimizer.lr is -1.0; it must be a number above 0"),
        (["train", "DATA", "--recipe", "nothing"], "there is no recipe 'nothing'"),
        (["train", "DATA", "--color", "red"], "--color"),
        (["train", "DATA", "--data.format", "tiff"], "tiff"),
        (["train", "DATA", "--data.val", "dev"], "no split 'dev'"),
        (["train", "DATA", "--model.variant", "unet"], "no variant 'unet'"),
        (
            ["train", "DATA", "--model.num_codes", "0"],
            "num_codes is 0; it must be a whole number",
        ),
        (["train", "DATA", "--model.in_channels", "4"], "is read as RGB photographs; name 4 bands in dataset.yaml"),
        (["train", "--resume", "nowhere"], "nowhere"),
        (["check", "nowhere"], "nowhere"),
        (["evaluate", "nothing.safetensors", "DATA"], "there is no checkpoint nothing.safetensors"),
        (["evaluate", "CHECKPOINT", "DATA", "--split", "dev"], "no split 'dev'"),
        (["evaluate", "CHECKPOINT", "DATA", "--protocol.mode", "sliding"], "protocol.crop"),
        (["evaluate", "CHECKPOINT", "DATA", "--protocol.scales", "[0.0]"], "protocol.scales"),
        (["evaluate", "CHECKPOINT", "DATA", "--device", "abacus"], "abacus"),
        (["predict", "CHECKPOINT", "no/*.jpg"], "no/*.jpg matches no image"),
        (["predict", "CHECKPOINT", "DATA/dataset.txt"], "dataset.txt"),
        (["predict", "CHECKPOINT", "DATA/images/val", "--opacity", "2"], "from 0 to 1"),
        (
            ["predict", "CHECKPOINT", "DATA/images/val", "--batch_size", "0"],
            "--batch_size is 0; it must be at least 1",
        ),
        (["benchmark", "nothing.safetensors"], "there is no checkpoint nothing.safetensors"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_refused_in_one_sentence_and_write_nothing(
    arguments: list[str],
    message: str,
    data: Path,
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    status = main([part.replace("DATA", str(data)).replace("CHECKPOINT", str(checkpoint)) for part in arguments])
    error = capsys.readouterr().err.strip().splitlines()
    assert status == 2
    assert message in error[-1]
    assert error[-1].startswith("encnet: ")
    assert not any("Traceback" in line for line in error)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_all_problems_of_a_data_set_are_listed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (data / "labels/train/0.png").unlink()
    (data / "images/val/1.jpg").write_bytes(b"not a picture")
    Image.new("L", (9, 9)).save(data / "labels/val/0.png")
    assert main(["check", str(data), "--out", str(tmp_path / "page")]) == 2
    errors = capsys.readouterr().err
    for part in ("0.png", "1.jpg", "9", "3 problems"):
        assert part in errors
    assert main(["train", str(data), "--out", str(tmp_path / "run")]) == 2
    assert not (tmp_path / "run").exists()


def test_a_damaged_photograph_does_not_stop_the_prediction_of_others(
    data: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "images/val/0.jpg").write_bytes(b"not a picture")
    assert main(["predict", str(checkpoint), str(data / "images/val"), "--out", str(tmp_path / "out")]) == 2
    assert "0.jpg" in capsys.readouterr().err
    assert visible(tmp_path / "out") == ["1.json", "1.png", "1_overlay.png"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([verb, "--help"])
    assert exit_.value.code == 0
    assert _command(verb).SUMMARY in " ".join(capsys.readouterr().out.split())


def test_the_help_of_training_documents_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for line in (
        "Exponent of the schedule.",
        "Mirror half of the images.",
        "Number of codewords of each Encoding layer.",
    ):
        assert line in text


def test_public_names_are_imported_on_first_use() -> None:
    code = "import sys, encnet; assert 'torch' not in sys.modules; [getattr(encnet, n) for n in encnet.__all__]"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
