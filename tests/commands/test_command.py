"""Parsing of command lines, and messages for wrong input, with small commands made here and with the real ones."""

from __future__ import annotations

import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonargparse import ArgumentParser

from encnet.cli import VERBS, _command, main
from encnet.commands.command import (
    WRONG_INPUT,
    make_parser,
    run_command,
)
from encnet.commands.words import with_underscores
from encnet.system.errors import InputError
from encnet.system.processes import ProcessDied
from encnet.system.signals import Stopped


@dataclass
class Lamp:
    """A lamp."""

    warm_up: float = 1.0
    """Seconds until it is bright."""


class Shine:
    """A command that keeps its arguments, or raises an error."""

    SUMMARY: str = "shines"

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.arguments: Any = None

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("words", type=str, nargs="*")
        parser.add_argument("--full_power", type=str, default="no-value")
        parser.add_argument("--size", type=int, default=1)
        parser.add_argument("--lamp", type=Lamp, default=Lamp())

    def run(self, arguments: Any) -> int:
        self.arguments = arguments
        if self.error is not None:
            raise self.error
        return 7


def flags_of(verb: str) -> list[str]:
    """The flags of a verb that take a value, as they are declared."""
    actions = make_parser(f"encnet {verb}", _command(verb))._actions
    return [flag for action in actions for flag in action.option_strings if flag.startswith("--") and flag != "--help"]


@pytest.mark.parametrize("flag", ["--full_power", "--full-power"])
@pytest.mark.parametrize("equals", [False, True])
def test_a_flag_is_accepted_with_hyphens_and_underscores(flag: str, equals: bool) -> None:
    command = Shine()
    words = [f"{flag}=a-b_c"] if equals else [flag, "a-b_c"]
    assert run_command("encnet shine", command, ["x-y", *words, "--lamp.warm-up", "2"]) == 7
    assert command.arguments.full_power == "a-b_c"
    assert command.arguments.words == ["x-y"]
    assert command.arguments.lamp.warm_up == 2


@pytest.mark.parametrize("verb", VERBS)
def test_every_flag_of_every_verb_is_declared_with_underscores(verb: str) -> None:
    flags = flags_of(verb)
    assert flags
    assert [flag for flag in flags if "-" in flag.removeprefix("--")] == []
    assert with_underscores([flag.replace("_", "-") for flag in flags]) == flags


def test_flags_override_a_recipe_that_follows_them(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("epochs: 5\nseed: 9\n")
    command: Any = _command("train")
    words = command.prepared(["data", "--epochs", "3", "--recipe", str(tmp_path / "own.yaml")])
    parsed = make_parser("encnet train", command).parse_args(words)
    assert (parsed.epochs, parsed.seed) == (3, 9)


def test_flags_override_a_protocol_that_follows_them() -> None:
    command: Any = _command("evaluate")
    words = ["model.safetensors", "data", "--protocol.flip", "false", "--protocol", "mmseg-ms"]
    parser = make_parser("encnet evaluate", command)
    protocol = parser.instantiate(parser.parse_args(command.prepared(words))).protocol
    assert not protocol.flip
    assert len(protocol.scales) == 6


@pytest.mark.parametrize(
    ("argument", "message", "expected"),
    [
        ("size", "size is 0; it must be positive", "size is 0; it must be positive (--size)"),
        ("warm_up", "warm_up is 0", "warm_up is 0 (--lamp.warm_up)"),
        ("lamp.warm_up", "lamp.warm_up is 0", "lamp.warm_up is 0 (--lamp.warm_up)"),
        ("size", "--size is 0", "--size is 0"),
        ("colour", "colour is red", "colour is red"),
        (None, "size is 0", "size is 0"),
    ],
)
def test_the_flag_is_appended_to_an_error_once(
    argument: str | None, message: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("encnet shine", Shine(InputError(message, argument)), []) == WRONG_INPUT
    assert capsys.readouterr().err == f"encnet: {expected}\n"


def test_ctrl_c_ends_a_command_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("encnet shine", Shine(KeyboardInterrupt()), []) == 130
    assert capsys.readouterr().err == "encnet: interrupted\n"


class Asked(Shine):
    """A command that a signal stops while a library runs, which makes an error of its own of it."""

    def __init__(self, number: int, error: BaseException | None = None) -> None:
        super().__init__(error)
        self.number = number

    def run(self, arguments: Any) -> int:
        try:
            signal.raise_signal(self.number)
        finally:
            super().run(arguments)
        raise AssertionError


@pytest.mark.parametrize("error", [None, RuntimeError("of a library"), SystemExit(1)])
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGUSR1", 138), ("SIGINT", 130)])
def test_a_signal_ends_a_command_in_one_line(
    name: str, status: int, error: BaseException | None, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(getattr(signal, name))
    assert run_command("encnet shine", Asked(getattr(signal, name), error), []) == status
    assert capsys.readouterr().err == f"encnet: {'interrupted' if name == 'SIGINT' else f'stopped by {name}'}\n"
    assert signal.getsignal(getattr(signal, name)) == before


def test_other_processes_of_a_job_leave_the_line_to_the_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert run_command("encnet shine", Asked(signal.SIGTERM), []) == 143
    assert capsys.readouterr().err == ""


def test_the_death_of_another_process_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("encnet shine", Shine(ProcessDied("process 2 died")), []) == 1
    assert capsys.readouterr().err == "encnet: process 2 died\n"


@pytest.mark.parametrize("words", [["--size", "large"], ["--sizes", "1"], ["--lamp.warm_up", "soon"]])
def test_a_wrong_command_line_is_one_line_that_names_the_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = Shine()
    assert run_command("encnet shine", command, words) == WRONG_INPUT
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert words[0].removeprefix("--").removeprefix("lamp.") in lines[0]
    assert lines[0].endswith("(`encnet shine --help` lists the arguments)")
    assert command.arguments is None


@pytest.mark.parametrize("flag", ["--model.full_resolution", "--model.full-resolution"])
@pytest.mark.parametrize("value", ["true", "false"])
def test_a_renamed_flag_says_what_to_write_instead(flag: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "data", flag, value]) == WRONG_INPUT
    assert capsys.readouterr().err == (
        "encnet: --model.full_resolution was renamed: write `--model.head fullres` instead of true, "
        "`--model.head enc` instead of false\n"
    )


def test_a_renamed_setting_in_a_recipe_says_what_to_write_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.yaml").write_text("model: {full_resolution: true}")
    assert main(["train", "data", "--recipe", str(tmp_path / "own.yaml")]) == WRONG_INPUT
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "own.yaml: model.full_resolution is now head: fullres" in lines[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("models: {variant: x}", "there is no setting models.variant; did you mean model.variant?"),
        ("steps: 1e400", "steps is 1e400; it must be a whole number"),
    ],
)
def test_a_wrong_setting_in_a_recipe_is_one_sentence_that_names_the_file(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.yaml").write_text(text)
    assert main(["train", "data", "--recipe", str(tmp_path / "own.yaml")]) == WRONG_INPUT
    assert capsys.readouterr().err == f"encnet: {tmp_path / 'own.yaml'}: {sentence}\n"


def test_a_folder_that_holds_a_run_names_the_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    (tmp_path / "config.yaml").write_text("")
    assert main(["train", "data", "--out", str(tmp_path)]) == WRONG_INPUT
    error = capsys.readouterr().err
    assert "holds a run already" in error
    assert f"(--resume {tmp_path}, another --out, or --overwrite true)" in error


def test_wrong_input_after_a_signal_is_its_consequence(capsys: pytest.CaptureFixture[str]) -> None:
    """A library took the exception of the signal for an error of its own, which became one of the input."""

    class Export(Shine):
        def run(self, arguments: Any) -> int:
            with suppress(Stopped):
                signal.raise_signal(signal.SIGTERM)
            raise InputError("this network cannot be written")

    assert run_command("encnet export", Export(), []) == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "encnet: stopped by SIGTERM\n"
