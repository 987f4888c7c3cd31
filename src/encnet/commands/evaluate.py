"""`encnet evaluate`: scores a checkpoint on a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from encnet.commands.command import add_engine, with_protocol_first
from encnet.commands.unused import Unused

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "scores a checkpoint on a data set"
UNUSED = (
    Unused(
        "save_prior",
        lambda a: not a.choose_prior,
        "without --choose_prior true, which finds the prior to save",
        "give --choose_prior true too",
    ),
    *(
        Unused(
            name,
            lambda a: a.choose_prior,
            "with --choose_prior, which runs the network once over whole images, in PyTorch and fp32, in one process",
            "leave out --choose_prior",
        )
        for name in ("protocol", "engine", "precision", "workers")
    ),
)


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.inference.protocols.protocol import Protocol

    parser.add_argument("checkpoint", type=str, help="a checkpoint, or an exported model: .onnx, .xml or .pt2")
    parser.add_argument("dataset", type=str, help="folder of the data set")
    parser.add_argument("--split", type=str, default="val", help="split to evaluate on")
    parser.add_argument("--format", type=str | None, default=None, help="format of the data set; none detects it")
    parser.add_argument(
        "--out", type=str | None, default=None, help="folder for evaluation.html, JSON, table and figures"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that read images")
    parser.add_argument("--limit", type=int | None, default=None, help="evaluate only this many images")
    parser.add_argument(
        "--choose_prior",
        type=bool,
        default=False,
        help="find out whether presence as a prior on the pixels helps, and which strength is best; writes no scores",
    )
    parser.add_argument(
        "--save_prior",
        type=str | None,
        default=None,
        help="with --choose_prior: write the checkpoint with the prior to this .safetensors file if the prior helps",
    )
    parser.add_argument("--protocol", type=Protocol, default=Protocol())
    add_engine(parser)


def prepared(words: list[str]) -> list[str]:
    return with_protocol_first(words)


def run(arguments: Any) -> int:
    from rich.console import Console

    from encnet.data.formats import read_dataset
    from encnet.evaluation import evaluate
    from encnet.system.memory import keep_freed_memory

    if arguments.protocol.mode != "tiled":  # tiles are for images that hardly fit in memory
        keep_freed_memory()
    index = read_dataset(arguments.dataset, arguments.format)
    if arguments.choose_prior:
        return _choose_prior(arguments, index)
    report = evaluate(
        arguments.checkpoint,
        index,
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


def _choose_prior(arguments: Any, index: Any) -> int:
    from rich.console import Console

    from encnet.evaluation.prior import choose_prior, save_with_prior

    choice = choose_prior(arguments.checkpoint, index, arguments.split, device=arguments.device, limit=arguments.limit)
    Console().print(choice.table())
    print(choice.sentence())
    if arguments.out is not None:
        print(f"wrote {choice.save(arguments.out)}")
    if arguments.save_prior is not None:
        if choice.strength:
            save_with_prior(arguments.checkpoint, choice, arguments.save_prior)
            print(f"wrote {arguments.save_prior}")
        else:
            print(f"{arguments.save_prior} was not written")
    return 0
