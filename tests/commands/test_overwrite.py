"""Each command that writes files keeps inputs and the user's files, before it computes anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.checkpoint.create import create_model
from encnet.cli import VERBS, _command, main
from encnet.commands.command import make_parser
from encnet.system.files import RECORD

WRITERS = {"check", "benchmark", "convert", "demo", "evaluate", "explain", "export", "predict", "train"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a checkpoint m.safetensors, a data set data/ and a photograph a.png."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    label = (np.arange(48)[:, None] + np.zeros((48, 40), int) > 20).astype(np.uint8)
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            Path("data", kind, split).mkdir(parents=True)
        for i in range(2):
            Image.fromarray(np.repeat(100 * label[..., None], 3, 2)).save(f"data/images/{split}/{i}.png")
            Image.fromarray(label).save(f"data/labels/{split}/{i}.png")
    Image.new("RGB", (40, 48)).save("a.png")
    model = create_model("encnet_tiny", 2)
    model.info.classes = ["class_0", "class_1"]
    model.save("m.safetensors")
    Path(RECORD).unlink()  # the checkpoint came from elsewhere
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the caches."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "cache" not in path.parts
    }


def test_every_command_that_writes_has_the_flag() -> None:
    flags = {verb: make_parser(verb, _command(verb))._option_string_actions for verb in VERBS}
    assert {verb for verb, actions in flags.items() if "--overwrite" in actions} == WRITERS


USERS = [
    (["predict", "m.safetensors", "a.png", "--out", "out"], "out/a_overlay.png"),
    (["explain", "m.safetensors", "a.png", "--out", "out"], "out/explanation.html"),
    (["explain", "m.safetensors", "a.png", "--out", "out", "--arrays", "true"], "out/a.npz"),
    (["evaluate", "m.safetensors", "data", "--out", "out"], "out/confusion.png"),
    (["evaluate", "m.safetensors", "data", "--out", "out"], "out/evaluation.json"),
    (["evaluate", "m.safetensors", "data", "--out", "out", "--choose_prior", "true"], "out/prior.json"),
    (
        ["evaluate", "m.safetensors", "data", "--choose_prior", "true", "--save_prior", "out/p.safetensors"],
        "out/p.safetensors",
    ),
    (["export", "m.safetensors", "--out", "out/m.onnx"], "out/m.onnx"),
    (["export", "m.safetensors", "--out", "out/m.onnx"], "out/m.onnx.parity.json"),
    (["export", "m.safetensors", "--out", "out/m.xml"], "out/m.bin"),
    (["export", "m.safetensors", "--out", "out/m.pt2"], "out/m.pt2"),
    (["convert", "m.safetensors", "--out", "out/c.safetensors"], "out/c.safetensors"),
    (["train", "data", "--out", "out"], "out/best.safetensors"),
    (["train", "data", "--out", "out"], "out/last.ckpt"),
    (["benchmark", "m.safetensors", "--out", "out"], "out/benchmark.json"),
    (["demo", "--out", "out"], "out/report.html"),
    (["demo", "--out", "out"], "out/train/config.yaml"),
    (["demo", "--out", "out"], "out/predictions/0000.json"),
    (["demo", "--out", "out"], "out/evaluation/evaluation.html"),
]


@pytest.mark.parametrize(("words", "name"), USERS, ids=lambda value: value if isinstance(value, str) else value[0])
def test_a_file_of_the_user_is_kept(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str], name: str
) -> None:
    Path(name).parent.mkdir(parents=True)
    Path(name).write_text("of the user")
    before = files(place)
    assert main(words) == 2
    assert f"{name} exists, and encnet did not write it" in capsys.readouterr().err
    assert files(place) == before


INPUTS = [
    (["predict", "m.safetensors", "a.png", "--out", "."], "a.png is an input"),
    (["explain", "m.safetensors", "a.npz", "--arrays", "true", "--out", "."], "a.npz is an input"),
    (["convert", "m.safetensors", "--out", "m.safetensors"], "m.safetensors is an input"),
    (["convert", "m.safetensors", "--out", "./link.safetensors"], "link.safetensors is the input m.safetensors"),
    (["convert", "m.safetensors", "--classes", "names.txt", "--out", "names.txt"], "names.txt is an input"),
    (["export", "m.onnx", "--format", "onnx"], "m.onnx is an input"),
    (["export", "m.safetensors", "--out", "m.safetensors"], "has no suffix of a format"),
    (
        ["evaluate", "m.safetensors", "data", "--choose_prior", "true", "--save_prior", "m.safetensors"],
        "m.safetensors is an input",
    ),
    (
        ["evaluate", "m.safetensors", "data", "--choose_prior", "true", "--save_prior", "data/labels/val/0.png"],
        "data/labels/val/0.png is an input, which is never replaced; choose another place for the output (--save_pr",
    ),
    (["train", "data", "--initial", "out/best.safetensors", "--out", "out"], "out/best.safetensors is an input"),
]


@pytest.mark.parametrize("overwrite", ["false", "true"])
@pytest.mark.parametrize(("words", "message"), INPUTS, ids=lambda value: value if isinstance(value, str) else value[0])
def test_an_input_is_never_replaced(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str, overwrite: str
) -> None:
    Path("out").mkdir()
    Path("out/best.safetensors").write_bytes(Path("m.safetensors").read_bytes())
    Path("m.onnx").write_bytes(Path("m.safetensors").read_bytes())
    Path("a.npz").write_bytes(Path("a.png").read_bytes())  # a photograph with an odd name
    Path("names.txt").write_text("class_0\nclass_1\n")
    Path("link.safetensors").symlink_to("m.safetensors")
    before = files(place)
    assert main([*words, "--overwrite", overwrite]) == 2
    assert message in capsys.readouterr().err
    assert files(place) == before


def test_a_run_is_replaced_only_if_overwriting_is_allowed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["--model.variant", "encnet_tiny", "--data.crop", "[32,32]", "--data.workers", "0", "--epochs", "1"]
    settings += ["--accelerator", "cpu"]
    assert main(["train", "data", "--out", "run", *settings]) == 0
    first = Path("run/config.yaml").read_text()
    assert main(["train", "data", "--out", "run", *settings, "--seed", "5"]) == 2
    assert "holds a run already; resume it, or choose another folder" in capsys.readouterr().err
    assert Path("run/config.yaml").read_text() == first
    Path("run/notes.txt").write_text("of the user")
    assert main(["train", "data", "--out", "run", *settings, "--seed", "5", "--overwrite", "true"]) == 0
    assert "seed: 5" in Path("run/config.yaml").read_text()
    assert [path.name for path in Path("run/csv").iterdir()] == ["version_0"]  # no log of the run that was replaced
    assert Path("run/notes.txt").read_text() == "of the user"


def test_repeated_commands_replace_their_own_files(place: Path) -> None:
    for words in (
        ["evaluate", "m.safetensors", "data", "--out", "out", "--workers", "0"],
        ["explain", "m.safetensors", "a.png", "--out", "out", "--arrays", "true"],
    ):
        assert [main(words), main(words)] == [0, 0], words
