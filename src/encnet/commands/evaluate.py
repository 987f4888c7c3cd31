"""`encnet evaluate`: scores a checkpoint on a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encnet.commands.command import add_engine

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "scores a checkpoint on a data set"


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.inference.protocol import Protocol

    parser.add_argument("checkpoint", type=str, help="a checkpoint, or an exported model: .onnx, .xml or .pt2")
    parser.add_argument("dataset", type=str, help="folder of the data set")
    parser.add_argument("--split", type=str, default="val", help="split to evaluate on")
    parser.add_argument("--format", type=str | None, default=None, help="of the data set; none finds out")
    parser.add_argument("--out", type=str | None, default=None, help="folder for JSON, table and confusion matrix")
    parser.add_argument("--workers", type=int, default=2, help="processes that read images")
    parser.add_argument("--limit", type=int | None, default=None, help="evaluate only so many images")
    parser.add_argument("--protocol", type=Protocol, default=Protocol())
    add_engine(parser)


def run(arguments: Any) -> int:
    from rich.console import Console

    from encnet.data.formats import read_dataset
    from encnet.evaluation import evaluate

    report = evaluate(
        arguments.checkpoint,
        read_dataset(arguments.dataset, arguments.format),
        split=arguments.split,
        protocol=arguments.protocol,
        device=arguments.device,
        precision=arguments.precision,
        workers=arguments.workers,
        limit=arguments.limit,
        engine=arguments.engine,
    )
    Console().print(report.table())
    if arguments.out is not None:
        report.save(arguments.out)
        print(f"wrote {arguments.out}")
    return 0
