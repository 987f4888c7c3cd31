"""`python -m benchmarks` hands its arguments on, with the errors and exit statuses of `encnet`."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.command import SUBJECTS

TINY = ["inference", "--variant", "encnet_tiny"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*TINY, "--size", "[8,64]"], "height is 8"),
        ([*TINY, "--classes", "0"], "classes is 0; it must be at least 1 (--classes)"),
        ([*TINY, "--batch", "0"], "batch is 0"),
        ([*TINY, "--repeats", "0"], "repeats is 0"),
        ([*TINY, "--engines", "[tensorrt]"], "no engine 'tensorrt'"),
        ([*TINY, "--rivals", "[caffe]"], "no rival 'caffe'; choose of plain and smp (--rivals)"),
        ([*TINY, "--rivals", "[]", "--engines", "[pytorch]", "--rival", "smp FPN"], "no rival 'smp FPN' in this run"),
        ([*TINY, "--rivals", "[]", "--peer-python", "no/python"], "no/python cannot be started"),
        (["training", "--variant", "encnet_huge"], "no variant 'encnet_huge'"),
        (["training", "--batch", "1"], "batch is 1"),
        (["training", "--size", "[64,8]"], "width is 8"),
        (["training", "--rivals", "[]", "--rival", "smp FPN"], "no rival 'smp FPN' in this run"),
        (["growth", "--repeats", "0"], "repeats is 0"),
        (["growth", "--large", "[4000,1]"], "width is 1"),
        (["layer", "--repeats", "0"], "repeats is 0"),
        (["layer", "--layouts", "[rows]"], "no layout 'rows'"),
        (["data", "--repeats", "0"], "repeats is 0"),
        (["check", "--photographs", "0"], "photographs is 0"),
        (["shared_context", "--size", "[8,64]"], "height is 8"),
        (["shared_context", "--checkpoint", "missing.safetensors"], "missing.safetensors"),
        (["resolution", "--dataset", "camvid"], "--checkpoint is missing"),
        (["resolution", "--checkpoint", "missing.safetensors", "--dataset", "camvid"], "missing.safetensors"),
        (["tutorial", "--repeats", "0"], "repeats is 0"),
        (["context", "--seeds", "0"], "seeds is 0"),
        (["document"], "holds no results"),
        (["weather"], "weather"),
        (["layer", "--color", "red"], "--color"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_arguments_are_one_sentence_and_leave_nothing(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert error.startswith("encnet: ") and "\n" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("old", "new"), [("seed", "tutorial"), ("tiles", "shared_context")])
def test_old_subjects_name_the_new_ones(old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([old, "--repeats", "1"]) == 2
    assert capsys.readouterr().err == f"encnet: the benchmark {old!r} is now `python -m benchmarks {new}`\n"


def test_help_explains_every_subject(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    help_text = " ".join(capsys.readouterr().out.split())
    for name, meaning in SUBJECTS.items():
        assert f"{name}: {meaning}" in help_text
