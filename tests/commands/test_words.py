"""Spellings of flags and values, and the flag that was meant."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encnet.cli import _command, main
from encnet.commands.command import make_parser
from encnet.commands.words import nearest, spelled_out, value_first, with_underscores
from encnet.system.errors import InputError


def test_words_after_two_hyphens_are_kept() -> None:
    assert with_underscores(["--a-b", "--", "--c-d"]) == ["--a_b", "--", "--c-d"]
    assert value_first(["x", "--", "--recipe", "y"], ["--recipe"], str) == ["x", "--", "--recipe", "y"]


@given(st.lists(st.text("ab-_=.[", max_size=6)))
def test_only_names_of_flags_are_changed(words: list[str]) -> None:
    changed = with_underscores(words)
    assert len(changed) == len(words)
    for before, after in zip(words, changed, strict=True):
        if not before.startswith("--"):
            assert after == before
        name, equals, value = before.partition("=")
        assert after in (before, "--" + name[2:].replace("-", "_") + equals + value)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["data", "--epochs", "3", "--recipe", "small"], ["--recipe", "SMALL", "data", "--epochs", "3"]),
        (["data", "--recipe=small", "--epochs", "3"], ["--recipe", "SMALL", "data", "--epochs", "3"]),
        (["data", "--recipe=", "--epochs", "3"], ["--recipe", "", "data", "--epochs", "3"]),
        (["--recipe"], ["--recipe"]),
        (["data"], ["data"]),
    ],
)
def test_a_flag_moves_to_the_front_with_its_new_value(words: list[str], expected: Sequence[str]) -> None:
    assert value_first(words, ["--recipe"], str.upper) == expected


@pytest.mark.parametrize(
    "words", [["--recipe", "small", "data", "--recipe=large"], ["data", "--recipe", "small", "--set", "large"]]
)
def test_a_flag_that_stands_for_many_settings_is_given_once(words: list[str]) -> None:
    with pytest.raises(InputError, match=r"^--recipe is given twice; give it once, and change"):
        value_first(words, ["--recipe", "--set"], str.upper)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["m", "a.jpg", "--rank"], ["m", "a.jpg", "--rank=true"]),
        (["--rank", "m", "a.jpg"], ["--rank=true", "m", "a.jpg"]),
        (["m", "--rank", "--out", "o", "a.jpg"], ["m", "--rank=true", "--out", "o", "a.jpg"]),
        (["m", "a.jpg", "--rank", "True"], ["m", "a.jpg", "--rank", "True"]),
        (["m", "a.jpg", "--no_overlay"], ["m", "a.jpg", "--overlay=false"]),
        (["m", "a.jpg", "--raster", "null", "--no_raster"], ["m", "a.jpg", "--raster", "null", "--raster=false"]),
        (["m", "a.jpg", "--raster"], ["m", "a.jpg", "--raster=true"]),
        (["m", "a.jpg", "--raster", "perhaps"], ["m", "a.jpg", "--raster", "perhaps"]),
        (["m", "a.jpg", "--protocol.flip"], ["m", "a.jpg", "--protocol.flip=true"]),
        (["m", "a.jpg", "--protocol.no_fill"], ["m", "a.jpg", "--protocol.fill=false"]),
        (["m", "--protocol.crop", "256,512", "a.jpg"], ["m", "--protocol.crop", "[256,512]", "a.jpg"]),
        (["m", "--bands", "1", "a.jpg"], ["m", "--bands", "[1]", "a.jpg"]),
        (["m", "--protocol.scales=1.5", "a.jpg"], ["m", "--protocol.scales=[1.5]", "a.jpg"]),
        (["m", "--protocol.crop", "480", "a.jpg"], ["m", "--protocol.crop", "480", "a.jpg"]),
        (["m", "a.jpg", "--protocol.scales=0.5,1,1.5e0"], ["m", "a.jpg", "--protocol.scales=[0.5,1,1.5e0]"]),
        (["m", "--protocol.crop", "[256,512]", "1,2"], ["m", "--protocol.crop", "[256,512]", "1,2"]),
        (["m", "--clear", "traffic sign,sky", "a.jpg"], ["m", "--clear", '["traffic sign", "sky"]', "a.jpg"]),
        (["m", "--clear=sky", "a.jpg"], ["m", '--clear=["sky"]', "a.jpg"]),
        (["m", "--out", "1,2", "3,4"], ["m", "--out", "1,2", "3,4"]),  # names of files
        (["m", "--", "--rank", "--no_overlay", "1,2"], ["m", "--", "--rank", "--no_overlay", "1,2"]),
    ],
)
def test_short_spellings_are_spelled_out(words: list[str], expected: list[str]) -> None:
    parser = make_parser("encnet predict", _command("predict"))
    assert spelled_out(words, parser) == expected
    assert spelled_out(expected, parser) == expected


@pytest.mark.parametrize("verb", ["predict", "train"])
def test_the_parser_reads_what_was_spelled_out(verb: str) -> None:
    parser = make_parser(f"encnet {verb}", _command(verb))
    short = {
        "predict": (["m", "a.jpg", "--no_overlay", "--bands", "4,3,2"], {"overlay": False, "bands": (4, 3, 2)}),
        "train": (["d", "--compile", "--data.crop", "256,320"], {"compile": True, "data.crop": (256, 320)}),
    }
    words, expected = short[verb]
    parsed = parser.parse_args(spelled_out(words, parser))
    assert {name: parsed[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("flag", "meant"),
    [("--oput", "; did you mean --out?"), ("--crop", "; did you mean --protocol.crop?"), ("--xyzzy", "")],
)
def test_the_flag_that_was_meant_is_named(flag: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "m.safetensors", "a.jpg", flag, "x"]) == 2
    printed = capsys.readouterr().err
    assert (meant in printed) if meant else ("did you mean" not in printed)


def test_other_messages_name_no_flag() -> None:
    assert nearest("--out: expected one argument", ["--out", "--output"]) == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", ".", "--epochs", "few"], "--epochs is few; it must be a whole number"),
        (["train", ".", "--minutes", "nan"], "--minutes is nan; it must be a finite number"),
        (["predict", "a", "b", "--opacity", "inf"], "--opacity is inf; it must be a finite number"),
        (["predict", "a", "b", "--bands", "red"], "--bands is red; it must be numbers with commas between them"),
        (
            ["predict", "a", "b", "--protocol.crop", "480"],
            "--protocol.crop is 480; it must be two numbers with a comma between them",
        ),
        (
            ["export", "a", "--size", "480,480,3"],
            "--size is [480, 480, 3]; it must be two numbers with a comma between them",
        ),
        (["convert", "a", "--mean", "0.5,x"], "--mean is 0.5,x; it must be numbers with commas between them"),
        (["train", ".", "--devices", "two"], "--devices is two; it must be a whole number or auto"),
        (["train", ".", "--optimizer.name", "lamb"], "--optimizer.name is lamb; it must be one of sgd, adamw"),
    ],
    ids=str,
)
def test_a_value_of_a_wrong_type_is_a_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err == f"encnet: {sentence} (`encnet {words[0]} --help` lists the arguments)\n"
