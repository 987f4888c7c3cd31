"""`encnet benchmark` hands its arguments on."""

from __future__ import annotations

from pathlib import Path

import pytest

from encnet.cli import main
from encnet.commands.benchmark import SUBJECTS

TINY = ["inference", "--variant", "encnet_tiny"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*TINY, "--size", "[8,64]"], "height is 8"),
        ([*TINY, "--classes", "0"], "classes is 0"),
        ([*TINY, "--batch", "0"], "batch is 0"),
        ([*TINY, "--repeats", "0"], "repeats is 0"),
        ([*TINY, "--engines", "[tensorrt]"], "no engine 'tensorrt'"),
        ([*TINY, "--rivals", "[caffe]"], "no rival 'caffe'"),
        ([*TINY, "--rivals", "[]", "--engines", "[pytorch]", "--rival", "smp FPN"], "no rival 'smp FPN' in this run"),
        ([*TINY, "--rivals", "[]", "--peer-python", "no/python"], "no/python cannot be started"),
        (["training", "--variant", "encnet_huge"], "no variant 'encnet_huge'"),
        (["training", "--batch", "1"], "batch is 1"),
        (["training", "--size", "[64,8]"], "width is 8"),
        (["training", "--rivals", "[]", "--rival", "smp FPN"], "no rival 'smp FPN' in this run"),
        (["growth", "--repeats", "0"], "repeats is 0"),
        (["growth", "--large", "[4000,1]"], "width is 1"),
        (["layer", "--repeats", "0"], "repeats is 0"),
        (["layer", "--layout", "rows"], "no layout 'rows'"),
        (["data", "--repeats", "0"], "repeats is 0"),
        (["tiles", "--size", "[8,64]"], "height is 8"),
        (["tiles", "--checkpoint", "missing.safetensors"], "missing.safetensors"),
        (["resolution", "--dataset", "camvid"], "--checkpoint is missing"),
        (["resolution", "--checkpoint", "missing.safetensors", "--dataset", "camvid"], "missing.safetensors"),
        (["seed", "--repeats", "0"], "repeats is 0"),
        (["document"], "holds no results"),
        (["weather"], "weather"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_arguments_reach_their_subject(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_explains_every_subject(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["benchmark", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for name, meaning in SUBJECTS.items():
        assert f"{name}: {meaning}" in said
