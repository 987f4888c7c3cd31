"""`encnet benchmark`: measures, and prints a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "measures, and prints a table"


def add_arguments(parser: ArgumentParser) -> None:
    from typing import Literal

    parser.add_argument(
        "subject",
        type=Literal["context", "layer"],
        help="context: what the context encoding is worth; layer: speed and memory of the Encoding layer",
    )
    parser.add_argument("--out", type=str, default="runs/benchmark", help="folder for results, and runs of `context`")
    parser.add_argument("--seeds", type=int, default=3, help="context: runs of each network")
    parser.add_argument("--epochs", type=int | None, default=None, help="context: of each run; none is the recipe's")
    parser.add_argument("--repeats", type=int, default=5, help="layer: timed runs of each form")


def run(arguments: Any) -> int:
    if arguments.subject == "context":
        from encnet.benchmark.context import benchmark_context

        benchmark_context(arguments.out, arguments.seeds, arguments.epochs)
    else:
        from encnet.benchmark.layer import benchmark_layer

        benchmark_layer(arguments.out, repeats=arguments.repeats)
    return 0
