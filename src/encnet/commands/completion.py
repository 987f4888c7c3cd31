"""`encnet --completion SHELL`: the script that completes verbs and flags in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from encnet.commands.command import Command, make_parser
from encnet.system.errors import InputError

SHELLS: tuple[str, ...] = ("bash", "zsh", "tcsh")


def completion_script(shell: str, commands: Mapping[str, Command]) -> str:
    """Returns the completion script for a shell, for its start-up file.

    Args:
        shell: one of :data:`SHELLS`.
        commands: name of each verb -> its module.

    Raises:
        InputError: the shell is unknown, or shtab is not installed.
    """
    if shell not in SHELLS:
        raise InputError(f"give one of {', '.join(SHELLS)} after --completion, not {shell!r}")
    try:
        import shtab
    except ImportError as error:
        raise InputError(
            "completion needs shtab, which is not installed; run `pip install 'encnet[completion]'`"
        ) from error
    parser = argparse.ArgumentParser(prog="encnet")
    verbs = parser.add_subparsers()
    for name, command in commands.items():
        verb = verbs.add_parser(name, help=command.SUMMARY, description=command.SUMMARY)
        for action in make_parser(f"encnet {name}", command)._actions:
            if action.option_strings and "--help" not in action.option_strings:
                verb.add_argument(
                    *action.option_strings, metavar="VALUE", help=str(action.help or "").replace("%", "%%")
                )
    return shtab.complete(parser, shell)
