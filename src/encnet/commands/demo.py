"""`encnet demo`: trains, evaluates and shows a small EncNet on generated scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encnet.commands.command import add_overwrite

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "trains, evaluates and shows a small EncNet on generated scenes"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--out", type=str, default="runs/demo", help="folder for everything the demo writes")
    add_overwrite(parser)


def run(arguments: Any) -> int:
    from encnet.demo.run import run_demo

    run_demo(arguments.out, arguments.overwrite)
    return 0
