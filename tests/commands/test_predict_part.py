"""Shares of a prediction, and predictions that go on where they stopped, beside one run over all files."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from listing import visible
from PIL import Image

from encnet.checkpoint.create import create_model
from encnet.cli import main
from encnet.commands import predict as command
from encnet.commands.command import WRONG_INPUT, make_parser
from encnet.commands.predict_part import FILES, settings_of, write_files_table
from encnet.commands.shares import in_share, share_of
from encnet.system.errors import InputError

NAMES = tuple("abcdefg")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a checkpoint m.safetensors, and photos/ with seven photographs."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    random = np.random.default_rng(0)
    for name in NAMES:
        Image.fromarray(random.integers(0, 255, (32, 40, 3), np.uint8)).save(f"photos/{name}.png")
    create_model("encnet_tiny", num_classes=2).save("m.safetensors")
    return tmp_path


def predict(*words: str) -> int:
    return main(["predict", "m.safetensors", "photos", "--device", "cpu", *words])


def contents(folder: str) -> dict[str, bytes]:
    """Name -> content of each result, without the ledger."""
    return {name: Path(folder, name).read_bytes() for name in visible(Path(folder)) if name != FILES}


def times(folder: str) -> dict[str, int]:
    return {name: Path(folder, name).stat().st_mtime_ns for name in visible(Path(folder)) if name != FILES}


def fates(folder: str) -> dict[str, str]:
    """Name of each photograph -> its fate in the ledger."""
    with Path(folder, FILES).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert all(row["file"] == f"photos/{row['result']}.png" for row in rows)
    return {row["result"]: row["fate"] for row in rows}


def test_only_files_without_intact_and_newer_results_are_predicted_again(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("--out", "whole") == predict("--out", "part") == 0
    before = times("part")
    Path("part/b_overlay.png").unlink()
    os.utime("photos/d.png")  # it is newer than its results
    capsys.readouterr()
    assert predict("--out", "part", "--resume") == 0
    assert "files: 7 found; used: 2 photographs, 5 photographs predicted before" in capsys.readouterr().out
    again = {name for name, changed in times("part").items() if changed != before[name]}
    assert again == {f"{name}{ending}" for name in "bd" for ending in (".png", "_overlay.png", ".json")}
    assert contents("part") == contents("whole")
    assert fates("part") == dict.fromkeys(NAMES, "predicted")
    assert not Path("whole", FILES).exists()


def test_a_result_that_somebody_changed_is_not_replaced(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--out", "part") == 0
    Path("part/c.json").write_text("mine", encoding="utf-8")
    assert predict("--out", "part", "--resume") == WRONG_INPUT
    assert "part/c.json exists, and encnet did not write it, or it was changed since" in capsys.readouterr().err
    assert Path("part/c.json").read_text("utf-8") == "mine"


def test_shares_together_are_the_whole(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--out", "whole", "--areas") == 0
    for number in (3, 1, 2):
        assert predict("--out", "shared", "--share", f"{number}/3") == 0
        line = "left out: 5 files (photos/" if number != 1 else "left out: 4 files (photos/"
        assert line in capsys.readouterr().out
        done = [name for name, fate in fates("shared").items() if fate == "predicted"]
        assert len(done) == {3: 2, 1: 5, 2: 7}[number]
    assert predict("--out", "shared", "--resume", "--areas") == 0  # which predicts nothing, and writes the table
    assert "used: 7 photographs predicted before" in capsys.readouterr().out
    assert contents("shared") == contents("whole")


def test_a_photograph_that_cannot_be_read_is_in_the_ledger_and_tried_again(place: Path) -> None:
    whole = Path("photos/e.png").read_bytes()
    Path("photos/e.png").write_bytes(whole[:60])
    assert predict("--out", "part", "--resume") == WRONG_INPUT
    assert fates("part") == {**dict.fromkeys(NAMES, "predicted"), "e": "failed"}
    Path("photos/e.png").write_bytes(whole)
    assert predict("--out", "part", "--resume") == 0
    assert fates("part") == dict.fromkeys(NAMES, "predicted")


def test_a_share_keeps_what_failed_in_another(place: Path) -> None:
    whole = Path("photos/e.png").read_bytes()
    Path("photos/e.png").write_bytes(whole[:60])
    assert predict("--out", "shared", "--share", "1/2") == WRONG_INPUT
    others = dict.fromkeys("bdf", "of another share, not yet")
    assert fates("shared") == {**dict.fromkeys("acg", "predicted"), **others, "e": "failed"}
    assert predict("--out", "shared", "--share", "2/2") == 0
    assert fates("shared") == {**dict.fromkeys(NAMES, "predicted"), "e": "failed"}
    Path("photos/e.png").write_bytes(whole)
    assert predict("--out", "shared", "--share", "1/2", "--resume") == 0
    assert fates("shared") == dict.fromkeys(NAMES, "predicted")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--no-overlay"], "were made with overlay True, which is False now; predict without --resume, or into"),
        (["--protocol.scales", "[1.5]"], "were made with protocol.scales [1.0], which is [1.5] now; predict"),
    ],
)
def test_other_settings_are_refused(
    place: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("--out", "part") == 0
    before = times("part")
    assert predict("--out", "part", "--resume", *words) == WRONG_INPUT
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("encnet: the results in part ") and message in line
    assert times("part") == before


def test_other_weights_are_refused_and_a_new_run_replaces_all(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--out", "part") == 0
    other = create_model("encnet_tiny", num_classes=2)
    other.save("m.safetensors")
    assert predict("--out", "part", "--resume") == WRONG_INPUT
    assert "the results in part were made with other weights; predict without" in capsys.readouterr().err
    # A run with the new weights is stopped: what it did not reach is of the old ones, although nobody changed it.
    assert predict("--out", "part", "--share", "1/7") == 0
    capsys.readouterr()
    assert predict("--out", "part", "--resume") == 0
    assert "used: 6 photographs, 1 photograph predicted before" in capsys.readouterr().out


def test_a_photograph_that_replaces_another_is_predicted_also_if_it_is_older(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("--out", "part") == 0
    Image.new("RGB", (40, 24)).save("older.png")
    os.utime("older.png", (1e9, 1e9))
    Path("older.png").replace("photos/a.png")
    capsys.readouterr()
    assert predict("--out", "part", "--resume") == 0
    assert "used: 1 photograph, 6 photographs predicted before" in capsys.readouterr().out
    with Image.open("part/a.png") as label:
        assert label.size == (40, 24)


@pytest.mark.parametrize("changed", ["m.safetensors", "m.onnx", "m.xml", "m.bin"])
def test_the_weights_are_all_files_of_the_model(tmp_path: Path, changed: str) -> None:
    for name in ("m.safetensors", "m.onnx", "m.xml", "m.bin"):
        (tmp_path / name).write_bytes(name.encode())
    model = "m.xml" if changed == "m.bin" else changed
    words = [str(tmp_path / model), "photos"]
    parser = make_parser("encnet predict", command)  # pyright: ignore[reportArgumentType]
    arguments = parser.instantiate(parser.parse_args(words))
    before = settings_of(arguments)
    assert settings_of(arguments) == before
    (tmp_path / changed).write_bytes(b"other")
    after = settings_of(arguments)
    assert {name for name in before if before[name] != after[name]} == {"weights"}


def test_tables_of_all_files_need_all_files(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--rank", "--resume"], ["--rank", "--share", "1/2"], ["--areas", "--share", "1/2"]):
        assert predict("--out", "part", *words) == WRONG_INPUT
        assert f"{words[0]} needs the predictions of one run over all files, without {words[1]}" in (
            capsys.readouterr().err
        )
    assert not Path("part").exists()


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(place: Path) -> None:
    for number in range(300):
        Path(f"photos/n{number:03}.png").write_bytes(Path(f"photos/{NAMES[number % 7]}.png").read_bytes())
    assert predict("--out", "whole") == 0
    words = ["predict", "m.safetensors", "photos", "--device", "cpu", "--out", "part"]
    with subprocess.Popen([sys.executable, "-m", "encnet.cli", *words], stderr=subprocess.PIPE, text=True) as run:
        while len(list(Path("part").glob("[!.]*.json"))) < 9:
            assert run.poll() is None
            time.sleep(0.005)
        run.send_signal(signal.SIGTERM)
        _, error = run.communicate(timeout=60)
    assert run.returncode == 143
    assert "stopped by SIGTERM; the same command with --resume goes on" in error
    left = len(list(Path("part").glob("[!.]*.json")))
    assert 9 <= left < 307
    assert predict("--out", "part", "--resume") == 0
    assert contents("part") == contents("whole")


@given(st.lists(st.integers(), unique=True, max_size=30), st.integers(1, 40))
def test_each_file_is_in_one_share(numbers: list[int], shares: int) -> None:
    files = [Path(str(number)) for number in numbers]
    parts = [in_share(files, (number, shares)) for number in range(1, shares + 1)]
    assert sorted(path for part in parts for path in part) == sorted(files)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert in_share(files, None) == set(files)


@pytest.mark.parametrize(
    "text", ["0/4", "5/4", "1", "1/", "/2", "-1/2", "a/b", "1/2/3", "١/٢", "1/9999999", "1.0/2", ""]
)
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"share is .*; it must be a number and the number of shares, 2/4 for the"):
        share_of(text)
    assert share_of("2/4") == (2, 4) and share_of("7/7") == (7, 7) and share_of(None) is None


def test_a_name_in_the_ledger_is_no_formula_of_a_spreadsheet(tmp_path: Path) -> None:
    table = write_files_table(tmp_path, {Path("=1.png"): "=1", Path("a.png"): "a"}, lambda _: "predicted")
    assert table.read_text(encoding="utf-8").splitlines()[1:] == ["'=1.png,'=1,predicted", "a.png,a,predicted"]
