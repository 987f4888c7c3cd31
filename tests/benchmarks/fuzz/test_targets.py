"""Short versions of `python -m benchmarks fuzz`: readers take sound inputs, and refuse or take changed ones."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="readers of exported files need ONNX: pip install 'encnet[onnx]'")

from benchmarks.fuzz.corpus import MOST, keep, kept
from benchmarks.fuzz.run import benchmark_fuzz
from benchmarks.fuzz.targets import TARGETS
from benchmarks.reliability.damage import damaged
from encnet.system.errors import InputError

SLOW = ("checkpoint", "graph", "onnx", "xml")  # they open networks
LENIENT = ("config",)  # settings that cannot be read are taken for absent


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in TARGETS]
)
def test_changed_inputs_are_read_or_refused(name: str, tmp_path: Path) -> None:
    sound, attempt = TARGETS[name].prepare(tmp_path)
    assert all(len(content) <= TARGETS[name].longest for content in sound)
    rng, refused = random.Random(name), 0
    for number in range(40):
        content = rng.choice(sound)
        content = damaged(content, rng)[1] if number and content else content
        try:
            attempt(content)
        except InputError:
            refused += 1
    assert refused >= 5 or name in LENIENT
    for content in kept(name):  # those that reach different lines
        with suppress(InputError):
            attempt(content)


def test_inputs_are_kept_in_an_archive(tmp_path: Path) -> None:
    (tmp_path / "inputs").mkdir()
    for number, content in enumerate((b"b", b"", b"b")):
        (tmp_path / f"inputs/{number}").write_bytes(content)
    keep("cvat", tmp_path / "inputs", tmp_path / "archives")
    assert kept("cvat", tmp_path / "archives") == [b"", b"b"]
    assert kept("coco", tmp_path / "archives") == []
    (tmp_path / "inputs/network").write_bytes(bytes(MOST))
    keep("onnx", tmp_path / "inputs", tmp_path / "archives")
    assert kept("onnx", tmp_path / "archives") == []


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="minutes is 0"):
        benchmark_fuzz(tmp_path / "page.md", tmp_path, minutes=0)
    with pytest.raises(InputError, match="targets is 'weather'"):
        benchmark_fuzz(tmp_path / "page.md", tmp_path, targets=["weather"])


@pytest.mark.slow
def test_inputs_that_reach_new_lines_are_kept(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="fuzzing needs atheris: pip install atheris")
    page, archives = tmp_path / "page.md", tmp_path / "archives"
    benchmark_fuzz(page, tmp_path, minutes=0.1, targets=["config"], archives=archives)
    counts = json.loads((tmp_path / "page/fuzz.json").read_text())["readers"]["config"]
    assert counts["tried"] > 100
    assert len(kept("config", archives)) > 5
    assert counts["findings"] == []
    assert counts["died"] == 0
