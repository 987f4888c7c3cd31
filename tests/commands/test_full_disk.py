"""On a full disk every verb ends with status 2 and one sentence, keeps what was there, and leaves nothing else."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from full_disk import largest_file
from listing import visible
from PIL import Image

import encnet
from encnet.cli import main


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint model.safetensors, and a data set of two images."""
    root, numbers = tmp_path_factory.mktemp("inputs"), np.random.default_rng(0)
    for kind in ("images", "labels"):
        (root / "data" / kind).mkdir(parents=True)
    for i in range(2):
        Image.fromarray(numbers.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(root / f"data/images/{i}.png")
        Image.fromarray(numbers.integers(0, 2, (64, 64), dtype=np.uint8)).save(root / f"data/labels/{i}.png")
    classes = [{"name": "sky"}, {"name": "road"}]
    document = {"classes": classes, "splits": {"val": {"images": "images", "labels": "labels"}}}
    (root / "data/dataset.yaml").write_text(yaml.safe_dump(document))
    torch.manual_seed(0)
    model = encnet.create_model("encnet_tiny", 2, output_stride=16, num_codes=4, head_channels=16)
    model.info.classes, model.info.palette = ["sky", "road"], [[0, 0, 0], [9, 9, 9]]
    model.eval().save(root / "model.safetensors")
    return root


Words = Callable[[Path, Path], list[str]]
COMMANDS: dict[str, tuple[Words, str]] = {
    "predict": (lambda i, out: ["predict", f"{i}/model.safetensors", f"{i}/data/images", "--out", f"{out}"], "0.json"),
    "evaluate": (
        lambda i, out: ["evaluate", f"{i}/model.safetensors", f"{i}/data", "--workers", "0", "--out", f"{out}"],
        "evaluation.json",
    ),
    "explain": (
        lambda i, out: ["explain", f"{i}/model.safetensors", f"{i}/data/images", "--arrays=true", "--out", f"{out}"],
        "explanation.html",
    ),
    "export": (
        lambda i, out: ["export", f"{i}/model.safetensors", "--size", "[64,64]", "--out", f"{out}/model.pt2"],
        "model.pt2",
    ),
    "check": (lambda i, out: ["check", f"{i}/data", "--out", f"{out}/check.html"], "check.html"),
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_a_full_disk_is_one_sentence(
    verb: str, inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words, name = COMMANDS[verb]
    out = tmp_path / "out"
    with largest_file(1500):
        assert main(words(inputs, out)) == 2
    assert not out.exists()
    out.mkdir()
    (out / name).write_text("old")
    with largest_file(1500):
        assert main([*words(inputs, out), "--overwrite", "true"]) == 2
    assert visible(out) == [name]
    assert (out / name).read_text() == "old"
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("encnet:")]
    assert len(errors) == 2
    for error in errors:
        assert error.startswith(f"encnet: cannot write {out}/") and "free there" in error


def test_standard_output_may_be_full(inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with full.open("w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        assert main(["check", f"{inputs}/data", "--out", f"{tmp_path}/check.html"]) == 2
    assert "cannot write the standard output or a temporary file: No space left" in errors.getvalue()


def test_whoever_reads_the_output_may_stop(inputs: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "encnet", "check", f"{inputs}/data", "--out", f"{tmp_path}/check.html"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    os.close(writer)
    assert (done.returncode, "Traceback" in done.stderr) == (141, False), done.stderr
