"""The command line: one verb per job. The libraries of a verb are imported when it is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper
from typing import cast

from encnet.commands.command import WRONG_INPUT, Command, run_command
from encnet.system.cores import share_cores
from encnet.system.errors import InputError
from encnet.system.text import say

VERBS = (
    "demo",
    "import-labels",
    "check",
    "train",
    "evaluate",
    "predict",
    "explain",
    "convert",
    "export",
    "app",
    "benchmark",
)
"""Ordered as a typical workflow; each is a module of :mod:`encnet.commands`, with ``_`` for ``-``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs ``encnet VERB ...``.

    Args:
        arguments: the words after ``encnet``; None takes those of the process.

    Returns:
        The exit status: 0, 1 if something was left out that the user probably meant, 2 for wrong input, 128 and the
        number of the signal that stopped the command: 130 after Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what its encoding lacks is escaped, not an error
            stream.reconfigure(errors="backslashreplace")
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0 if arguments else WRONG_INPUT
    if arguments[0] == "--version":
        print(f"encnet {version('encnet')}")
        return 0
    try:
        if arguments[0] == "--completion":
            print(_completion(arguments[1] if len(arguments) > 1 else ""))
            return 0
        verb = arguments[0].replace("_", "-")
        if verb not in VERBS:
            raise InputError(f"there is no verb {arguments[0]!r}; choose one of {', '.join(VERBS)}")
    except InputError as error:
        say(f"encnet: {error}", error=True)
        return WRONG_INPUT
    share_cores()
    return run_command(f"encnet {verb}", _command(verb), arguments[1:])


def _command(name: str) -> Command:
    return cast(Command, import_module(f"encnet.commands.{name.replace('-', '_')}"))


def _overview() -> str:
    verbs = "\n".join(f"  {name:13} {_command(name).SUMMARY}" for name in VERBS)
    title = "encnet VERB ...: semantic segmentation that knows its scene"
    return f"{title}\n\n{verbs}\n\n`encnet VERB --help` lists the arguments."


def _completion(shell: str) -> str:
    """Returns the script that completes verbs and flags in a shell."""
    completion = import_module("encnet.commands.completion")  # imports the libraries of every verb
    return completion.completion_script(shell, {name: _command(name) for name in VERBS})


if __name__ == "__main__":
    sys.exit(main())
