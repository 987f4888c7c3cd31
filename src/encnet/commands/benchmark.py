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
        type=Literal["context", "layer", "seed"],
        help="context: what the context encoding is worth; layer: speed and memory of the Encoding layer; "
        "seed: speed and memory of the classifier at full resolution",
    )
    parser.add_argument("--out", type=str, default="runs/benchmark", help="folder for results, and runs of `context`")
    parser.add_argument("--seeds", type=int, default=3, help="context: runs of each network")
    parser.add_argument("--epochs", type=int | None, default=None, help="context: of each run; none is the recipe's")
    parser.add_argument("--repeats", type=int, default=5, help="layer, seed: timed runs of each form")
    parser.add_argument(
        "--oracle", type=str | None, default=None, help="seed: a Python file that defines ENCNet, executed and compared"
    )


def run(arguments: Any) -> int:
    if arguments.subject == "context":
        from encnet.benchmark.context import benchmark_context

        benchmark_context(arguments.out, arguments.seeds, arguments.epochs)
    elif arguments.subject == "layer":
        from encnet.benchmark.layer import benchmark_layer

        benchmark_layer(arguments.out, repeats=arguments.repeats)
    else:
        from encnet.benchmark.seed import benchmark_seed

        benchmark_seed(arguments.out, arguments.oracle, repeats=arguments.repeats)
    return 0
