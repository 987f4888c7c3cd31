"""Conversion as a user sees it: the table of settings, class names, and refusals that leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.cli import main
from encnet.system.errors import InputError
from encnet.weights.convert import convert_file
from encnet.weights.fitting import MisfitError
from encnet.weights.sources import SOURCES, Answers, source

AsMMSeg = Callable[[EncNet], dict[str, Tensor]]


@pytest.fixture
def foreign(small: Callable[..., EncNet], as_mmseg: AsMMSeg, tmp_path: Path) -> Path:
    torch.save({"state_dict": as_mmseg(small(3)), "meta": {}}, tmp_path / "theirs.pth")
    return tmp_path / "theirs.pth"


def test_the_command_prints_every_setting_with_its_origin(
    foreign: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(foreign.parent)
    assert main(["convert", "theirs.pth", "--align-corners", "true"]) == 0
    printed = capsys.readouterr().out
    rows = {
        cells[0]: cells[1:]
        for line in printed.splitlines()
        if len(cells := [cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")]) == 3
    }
    for name, cells in {
        "source": ["mmsegmentation", "keys"],
        "backbone": ["resnet18", "keys"],
        "num_classes": ["3", "keys"],
        "num_codes": ["32", "keys"],
        "lateral": ["false", "keys"],
        "align_corners": ["true", "argument"],
        "mean": ["0.485, 0.456, 0.406", "convention"],
        "classes": ["class_0, class_1, class_2", "convention"],
    }.items():
        assert rows[name] == cells
    assert "encnet predict theirs.encnet.safetensors" in printed
    model = encnet.load("theirs.encnet.safetensors")
    assert model.align_corners
    assert model.info.training["converted_from"] == "mmsegmentation"
    assert model.info.training["file"] == "theirs.pth"
    assert model.info.training["settings"]["align_corners"] == ["true", "argument"]
    assert len(model.info.palette) == 3


def test_tensors_that_do_not_fit_are_listed_and_nothing_is_written(
    foreign: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(foreign, weights_only=True)
    state = content["state_dict"]
    state["decode_head.new.weight"] = torch.zeros(2, 3)
    del state["backbone.layer2.1.bn1.running_mean"]
    state["decode_head.se_layer.weight"] = torch.zeros(9, 16)
    torch.save(content, foreign)
    monkeypatch.chdir(foreign.parent)
    assert main(["convert", "theirs.pth", "--align_corners", "false"]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert errors[:3] == [
        "encnet: decode_head.new.weight (2, 3): the network has no place for it",
        "encnet: backbone.network.layer2.1.bn1.running_mean (128,): not in the file",
        "encnet: head.presence.weight (3, 16): has the shape (9, 16) in the file",
    ]
    assert errors[3].startswith("encnet: theirs.pth does not fit: left over, missing or of another shape: 3 tensors")
    assert len(errors) == 4
    assert [file.name for file in foreign.parent.iterdir()] == ["theirs.pth"]
    with pytest.raises(MisfitError) as error:
        convert_file(foreign, foreign.with_name("out.safetensors"), Answers(align_corners=False))
    assert len(error.value.tensors) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give align_corners: the value in decode_head of the config"),
        (["--align-corners", "perhaps"], "align"),
        (["--source", "keras"], "there is no source 'keras'; choose one of mmsegmentation, pytorch-encoding"),
        (["--source", "tutorial"], "not an EncNet of tutorial"),
        (["--source", "seed"], "the source 'seed' is now 'tutorial' (--source)"),
        (["--align-corners", "true", "--out", "theirs.pth"], "theirs.pth is an input, which is never replaced"),
        (["--align-corners", "true", "--classes", "nowhere"], "nowhere gives no class names"),
        (
            ["--align-corners", "true", "--classes", "two.txt"],
            "classes gives 2 names and the network has 3 classes; give those it was trained with (--classes)",
        ),
        (["--align-corners", "true", "--mean", "[0.5]"], "mean is (0.5,)"),
        (["--align-corners", "true", "--std", "[0.0,1.0,1.0]"], "std is (0.0, 1.0, 1.0)"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_one_sentence_and_leave_nothing(
    arguments: list[str],
    message: str,
    foreign: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (foreign.parent / "two.txt").write_text("a\nb\n")
    before = foreign.read_bytes()
    monkeypatch.chdir(foreign.parent)
    assert main(["convert", "theirs.pth", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("encnet: ")
    assert message in error
    assert "\n" not in error
    assert sorted(file.name for file in foreign.parent.iterdir()) == ["theirs.pth", "two.txt"]
    assert foreign.read_bytes() == before


def test_class_names_come_from_a_list_a_dataset_yaml_or_a_data_set(foreign: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for part in ("images/train", "labels/train"):
        (folder / part).mkdir(parents=True)
    (folder / "dataset.yaml").write_text(
        "classes: [{name: sky, color: [1, 2, 3]}, {name: car, color: [4, 5, 6]}, {name: road, color: [7, 8, 9]}]\n"
        "splits: {train: {images: images/train, labels: labels/train}}\n"
    )
    (tmp_path / "names.txt").write_text("sky\n car \n\nroad\n")
    for classes in (folder, folder / "dataset.yaml", tmp_path / "names.txt"):
        convert_file(foreign, tmp_path / "ours.safetensors", Answers(align_corners=False), classes)
        info = encnet.load(tmp_path / "ours.safetensors").info
        assert info.classes == ["sky", "car", "road"]
        if classes != tmp_path / "names.txt":
            assert info.palette == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_stored_names_and_colours_that_do_not_fit_are_ignored(
    small: Callable[..., EncNet], as_mmseg: AsMMSeg, tmp_path: Path
) -> None:
    meta = {"align_corners": False, "CLASSES": ["a", "b"], "PALETTE": [[1, 2], [3, 4]]}
    torch.save({"state_dict": as_mmseg(small(3)), "meta": meta}, tmp_path / "three.pth")
    torch.save({"state_dict": as_mmseg(small(2)), "meta": meta}, tmp_path / "two.pth")
    convert_file(tmp_path / "three.pth", tmp_path / "three.safetensors")
    convert_file(tmp_path / "two.pth", tmp_path / "two.safetensors")
    assert encnet.load(tmp_path / "three.safetensors").info.classes == ["class_0", "class_1", "class_2"]
    info = encnet.load(tmp_path / "two.safetensors").info
    assert info.classes == ["a", "b"]
    assert [len(color) for color in info.palette] == [3, 3]  # the stored colours are not RGB


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    save_file({"decode_head.conv_seg.weight": torch.zeros(3, 4, 1, 1)}, tmp_path / "pspnet.safetensors")
    with pytest.raises(
        InputError, match=r"not an EncNet of mmsegmentation, .* the first one decode_head\.conv_seg\.weight"
    ):
        convert_file(tmp_path / "pspnet.safetensors", tmp_path / "out.safetensors")


def test_load_refers_to_convert_for_foreign_files(foreign: Path, tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    for path in (foreign, tmp_path / "other.safetensors"):
        with pytest.raises(InputError, match=r"`encnet convert .*`"):
            encnet.load(path)


def test_exactly_one_module_recognises_each_source() -> None:
    codewords = {
        "mmsegmentation": ["decode_head.enc_module.encoding.0.codewords"],
        "pytorch-encoding": ["head.encmodule.encoding.3.codewords"],
        "fastfcn": ["head.encmodule.encoding.3.codewords", "jpu.conv3.0.weight"],
        "paddleseg": ["enc_module.encoding.0.codewords", "bottleneck._conv.weight"],
        "tutorial": ["decoder.enc_module.encoding.0.codewords"],
    }
    assert codewords.keys() == SOURCES.keys()
    for name, keys in codewords.items():
        state = {key: torch.zeros(1) for key in keys}
        assert [other for other in SOURCES if source(other).recognise(state)] == [name]
        assert name == source(name).NAME


def test_the_old_name_of_the_tutorial_form_is_refused_with_the_new_one(foreign: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the source 'seed' is now 'tutorial'") as error:
        convert_file(foreign, tmp_path / "ours.safetensors", Answers(source="seed", align_corners=False))
    assert error.value.argument == "source"
