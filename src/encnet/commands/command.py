"""The interface of a verb, parsing of its arguments, and messages for wrong input."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from encnet.commands.unused import UNUSED_PROTOCOL, given_values, refuse_unused
from encnet.commands.words import flag_types, in_plain_words, nearest, spelled_out, value_first, with_underscores
from encnet.system.errors import InputError, first_line
from encnet.system.processes import ProcessDied
from encnet.system.signals import Received, Stopped, is_first_process, raising
from encnet.system.text import say, shortened, shown
from encnet.system.unwritable import WRITE_ERRORS, unwritable

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

WRONG_INPUT = 2
INCOMPLETE = 1  # something was left out that the user probably meant
FAILED = 1  # another process of the command died
UNREAD = 128 + 13  # whoever read the output has closed it; the status of a command that SIGPIPE ends
LONGEST: int = 800
"""The most characters of a message; names from a command line or a file can be of any length."""

RENAMED: dict[str, str] = {
    "--model.full_resolution": "write `--model.head fullres` instead of true, `--model.head enc` instead of false",
}
"""Flags of earlier versions -> what to write instead."""


class Command(Protocol):
    """The interface of each verb's module. Its libraries are imported only when it runs.

    A module may also have ``prepared(words)``, which returns changed words of the command line before they are parsed,
    and ``UNUSED``, a sequence of :class:`encnet.commands.unused.Unused`.
    """

    SUMMARY: str
    """One line for the help."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments, with underscores in their names; hyphens are accepted too."""
        ...

    def run(self, arguments: Any) -> int:
        """Runs the verb with the parsed arguments; returns the exit status.

        ``arguments.given`` holds the value of each argument that is on the command line, by its dotted name.
        """
        ...


def run_command(program: str, command: Command, words: list[str]) -> int:
    """Parses a command line and runs a command.

    Args:
        program: name of the program and the verb, "encnet predict" for example.
        command: the module of the verb.
        words: the words that follow on the command line.

    Returns:
        The exit status: the command's own, 2 for wrong input, 1 if another process of the command died, 128 and the
        number of the signal that stopped it: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, 138 for SIGUSR1.
    """
    with raising() as received:
        try:
            return _run(program, command, words, received)
        except Stopped as stopped:
            return _say_stopped(stopped)
        except KeyboardInterrupt:
            return _say_stopped(Stopped(signal.SIGINT))
        except BaseException:
            if received.stopped is None:
                raise
            return _say_stopped(received.stopped)  # the signal came where a library makes an error of its own of it


def _run(program: str, command: Command, words: list[str], received: Received) -> int:
    """:func:`run_command` without its signals; an error after a signal is a consequence of it, and raised as such."""
    flags: list[str] = []
    try:
        parser = make_parser(program, command)
        flags += [flag for action in parser._actions for flag in action.option_strings]
        prepared: Callable[[list[str]], list[str]] = getattr(command, "prepared", list)
        words = spelled_out(with_underscores(words), parser)
        arguments = _parsed(parser, prepared(words))
        arguments.given = given_values(parser, words)
        refuse_unused(arguments, (*getattr(command, "UNUSED", ()), *UNUSED_PROTOCOL))
        status = command.run(arguments)
        sys.stdout.flush()  # it may be a file on a full disk
        return status
    except InputError as error:
        if received.stopped is not None:
            raise received.stopped from error
        say(f"encnet: {shown(with_flag(error, flags), LONGEST)}", error=True)
        return WRONG_INPUT
    except BrokenPipeError:  # whoever reads the output wants no more of it, as `head` does
        _forget_output()
        return UNREAD
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            name = shown(str(error.filename), 80)
            say(f"encnet: the name {name} is too long for a file; give the path of one", error=True)
            return WRONG_INPUT
        if error.errno not in WRITE_ERRORS:
            raise
        say(f"encnet: {unwritable(error.filename or 'the standard output or a temporary file', error)}", error=True)
        _forget_output()
        return WRONG_INPUT
    except ProcessDied as error:
        say(f"encnet: {error}", error=True)
        return FAILED


def _say_stopped(stopped: Stopped) -> int:
    if is_first_process():  # the others were stopped too
        say(f"encnet: {'; '.join(filter(None, (str(stopped), stopped.way_on)))}", error=True)
    return stopped.status


def _forget_output() -> None:
    """Leaves what standard output cannot take, which Python would try to write once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parsed(parser: ArgumentParser, words: list[str]) -> Any:
    """The arguments of a command line.

    Raises:
        InputError: they cannot be parsed; a value can be the name of a file of settings, which can be damaged.
    """
    try:
        return parser.instantiate(parser.parse_args(words))
    except InputError:
        raise
    except (OSError, ValueError, RecursionError, OverflowError) as error:
        raise InputError(f"the arguments cannot be read ({first_line(error)}); correct them") from error


def make_parser(program: str, command: Command) -> ArgumentParser:
    """The parser of a command. It raises its errors as :class:`InputError`."""
    import jsonargparse

    class Parser(jsonargparse.ArgumentParser):
        def error(self, message: str, ex: Exception | None = None) -> NoReturn:
            types, hint = flag_types(self), f" (`{program} --help` lists the arguments)"
            message = in_plain_words(" ".join(message.replace(hint, "").split()), types)  # a parser in it said the hint
            renamed = [f"{flag} was renamed: {new}" for flag, new in RENAMED.items() if flag in message]
            raise InputError("; ".join(renamed or [f"{shortened(message, 400)}{nearest(message, types)}{hint}"]))

    jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = Parser(prog=program, description=command.SUMMARY)
    command.add_arguments(parser)
    return parser


def add_engine(parser: ArgumentParser) -> None:
    """Declares ``--engine``, ``--device`` and ``--precision``: what runs a model, and where."""
    from encnet.inference.engines.engine import EngineName, Precision

    parser.add_argument(
        "--engine",
        type=EngineName,
        default="auto",
        help="what runs the model; auto follows the file: onnxruntime for .onnx, openvino for .xml, else pytorch; "
        "compile is pytorch with torch.compile; openvino runs .onnx too",
    )
    parser.add_argument(
        "--device", type=str, default="auto", help="cpu, cuda, cuda:1, ...; auto takes a GPU if there is one"
    )
    parser.add_argument(
        "--precision",
        type=Precision,
        default="fp32",
        help="number format of the computation; fp16 is for GPUs, int8 is part of the file",
    )


def add_overwrite(parser: ArgumentParser) -> None:
    """Declares ``--overwrite``, for commands that write files."""
    parser.add_argument(
        "--overwrite",
        type=bool,
        default=False,
        help="also replace files that encnet did not write, or that were changed since; inputs are never replaced",
    )


def with_protocol_first(words: list[str]) -> list[str]:
    """Replaces the name of a protocol by its numbers, and moves it before the flags that change single numbers."""
    return value_first(words, ("--protocol", "--protocol.name"), _protocol_numbers)


def _protocol_numbers(text: str) -> str:
    """The numbers of a protocol as JSON, for its name, its YAML file or its settings."""
    import json
    from dataclasses import asdict

    from encnet.inference.protocols.reading import read_protocol

    return json.dumps(asdict(read_protocol(text)))


def with_flag(error: InputError, flags: Iterable[str]) -> str:
    """Appends the flag of the argument to the message, unless the message names the flag already."""
    message, name = str(error), error.argument
    if name is None:
        return message
    fitting = [flag for flag in flags if flag == f"--{name}"] or [f for f in flags if f.endswith(f".{name}")]
    return message if not fitting or fitting[0] in message else f"{message} ({fitting[0]})"
