"""`encnet benchmark`: its output, and the sentences for benchmarks that moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from encnet.benchmark.forms import LeftOut
from encnet.benchmark.report import BenchmarkReport, Measured
from encnet.cli import main


def test_table_reasons_recommendation_and_file_are_printed(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: dict[str, Any] = {}

    def measured(*arguments: Any, **options: Any) -> BenchmarkReport:
        taken.update(options, arguments=arguments)
        forms = (Measured("PyTorch fp32", "pytorch", "fp32", "cpu", 1, (0.5,), 10.0, 500.0),)
        left_out = (LeftOut("ONNX Runtime fp32", "not installed"),)
        return BenchmarkReport("m", "encnet_tiny", (64, 96), 1, 1, None, {}, forms, left_out)

    monkeypatch.setattr("encnet.benchmark.run.benchmark_model", measured)
    flags = ["--size", "[64,96]", "--compile", "true", "--limit", "3", "--out", str(tmp_path)]
    assert main(["benchmark", "m.safetensors", str(scenes), *flags]) == 0
    assert (taken["arguments"][0], taken["arguments"][1].root) == ("m.safetensors", scenes)
    assert (taken["size"], taken["compiled"], taken["limit"]) == ((64, 96), True, 3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{scenes}: read as a folder of your own, because dataset.yaml")
    assert any("PyTorch fp32" in line and "500.0" in line for line in lines)
    assert lines[-3:] == [
        "not measured: ONNX Runtime fp32: not installed",
        "Take PyTorch fp32, the fastest form in fp32: 2.00 images/s.",
        f"wrote {tmp_path / 'benchmark.json'}",
    ]
    assert (tmp_path / "benchmark.json").is_file()


@pytest.mark.parametrize(
    ("words", "now"),
    [
        (["layer"], "layer"),
        (["seed", "--oracle", "x.py"], "tutorial"),
        (["tiles"], "shared_context"),
        (["--repeats", "3", "context"], "context"),
    ],
)
def test_a_benchmark_that_moved_says_where(
    words: list[str], now: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "layer").mkdir()  # a folder that is no checkpoint
    assert main(["benchmark", *words]) == 2
    expected = f"encnet: that benchmark is now `python -m benchmarks {now}`, in a checkout of the repository\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing.safetensors"], "there is no checkpoint nothing.safetensors"),
        (["CHECKPOINT", "--repeats", "0"], "repeats is 0; it must be at least 1 (--repeats)"),
        (["CHECKPOINT", "--size", "[8,64]"], "(--size)"),
        (["CHECKPOINT", "nowhere"], "nowhere"),
        (["CHECKPOINT", "--color", "red"], "--color"),
    ],
)
def test_wrong_arguments_are_one_sentence(
    words: list[str], message: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(checkpoint) if word == "CHECKPOINT" else word for word in words]
    assert main(["benchmark", *words, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and "\n" not in error
    assert not (tmp_path / "out").exists()
