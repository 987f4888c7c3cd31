"""The command line: one verb a job. A verb's libraries are imported when it is used."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, cast

from encnet.commands.command import INTERRUPTED, WRONG_INPUT, Command
from encnet.errors import InputError

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
"""In the order of a user's way; each is a module of :mod:`encnet.commands`, with ``_`` for ``-``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs ``encnet VERB ...``; returns the exit status: 0, 2 for wrong input, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0 if arguments else WRONG_INPUT
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"encnet {version('encnet')}")
        return 0
    try:
        if arguments[0] not in VERBS:
            raise InputError(f"there is no verb {arguments[0]!r}; choose one of {', '.join(VERBS)}")
        verb = _command(arguments[0])
        return verb.run(_parse(arguments[0], verb, arguments[1:]))
    except InputError as error:
        print(f"encnet: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        print("encnet: interrupted", file=sys.stderr)
        return INTERRUPTED


def _command(name: str) -> Command:
    return cast(Command, import_module(f"encnet.commands.{name.replace('-', '_')}"))


def _overview() -> str:
    verbs = "\n".join(f"  {name:13} {_command(name).SUMMARY}" for name in VERBS)
    return f"encnet VERB ...: semantic segmentation that knows its scene\n\n{verbs}\n\n`encnet VERB --help` says more."


def _parse(name: str, verb: Command, arguments: list[str]) -> Any:
    import jsonargparse

    class Parser(jsonargparse.ArgumentParser):
        def error(self, message: str, ex: Exception | None = None) -> NoReturn:
            raise InputError(f"{' '.join(message.split())} (`encnet {name} --help` lists the arguments)")

    jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = Parser(prog=f"encnet {name}", description=verb.SUMMARY)
    verb.add_arguments(parser)
    return parser.instantiate(parser.parse_args(_protocol_first(_recipe_first(arguments))))


def _recipe_first(arguments: list[str]) -> list[str]:
    """Puts the recipe before all else, so that every other argument wins over it, and its path for its name."""
    for i, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--recipe" and (value or i + 1 < len(arguments)):
            from encnet.training.recipes import recipe_path

            rest = arguments[:i] + arguments[i + (1 if value else 2) :]
            return ["--recipe", str(recipe_path(value or arguments[i + 1])), *rest]
    return arguments


def _protocol_first(arguments: list[str]) -> list[str]:
    """Puts the numbers of a protocol in the place of its name, and before every argument that changes one of them."""
    for i, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name in ("--protocol", "--protocol.name") and (value or i + 1 < len(arguments)):
            protocol, rest = value or arguments[i + 1], arguments[:i] + arguments[i + (1 if value else 2) :]
            if Path(protocol).suffix or protocol.startswith("{"):  # a YAML file, or its text
                return arguments
            from encnet.inference.protocol import named_protocol

            return ["--protocol", json.dumps(asdict(named_protocol(protocol))), *rest]
    return arguments


if __name__ == "__main__":
    sys.exit(main())
