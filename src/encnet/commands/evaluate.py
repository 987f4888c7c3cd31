"""`encnet evaluate`: scores a checkpoint on a data set."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encnet.commands.command import add_engine, add_overwrite, with_protocol_first
from encnet.commands.data_set import files_read, say_ledger, say_origin
from encnet.commands.unused import Unused
from encnet.system.text import counted, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonargparse import ArgumentParser

    from encnet.data.dataset import DatasetIndex
    from encnet.evaluation.kept_scores import KeptScores

SUMMARY = "scores a checkpoint on a data set"
UNUSED = (
    *(
        Unused(name, lambda a: a.out is None, "where no scores are kept", "give --out too")
        for name in ("resume", "share")
    ),
    Unused("overwrite", lambda a: a.out is None and a.save_prior is None, "where no file is written", "give --out too"),
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
        for name in ("protocol", "engine", "precision", "workers", "threshold", "resume", "share")
    ),
)


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.inference.protocols.protocol import Protocol

    parser.add_argument(
        "checkpoint",
        type=str,
        help="a checkpoint, the folder of a training run, or an exported model: .onnx, .xml or .pt2",
    )
    parser.add_argument("dataset", type=str, help="folder of the data set")
    parser.add_argument("--split", type=str, default="val", help="split to evaluate on")
    parser.add_argument("--format", type=str | None, default=None, help="format of the data set; none detects it")
    parser.add_argument(
        "--out", type=str | None, default=None, help="folder for evaluation.html, JSON, table and figures"
    )
    add_overwrite(parser)
    parser.add_argument("--workers", type=int, default=2, help="processes that read images")
    parser.add_argument("--limit", type=int | None, default=None, help="evaluate only this many images")
    parser.add_argument(
        "--resume",
        type=bool,
        default=False,
        help="go on where an evaluation into this --out stopped: leave out images that are scored already",
    )
    parser.add_argument(
        "--share",
        type=str | None,
        default=None,
        help="score only this share of the images, 2/4 for the second of four; the last process writes the report",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        help="models of two classes: the probability from which a pixel has the second class",
    )
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
    from encnet.commands.shares import share_of
    from encnet.data.accounting import account_for
    from encnet.data.formats import read_dataset
    from encnet.data.output_place import require_outside
    from encnet.data.sample_files import name_in
    from encnet.evaluation import evaluate
    from encnet.evaluation.image_scores import write_files_table
    from encnet.system.memory import keep_freed_memory
    from encnet.system.outputs import check_outputs
    from encnet.system.terminal import Terminal

    if arguments.protocol.mode != "tiled":  # tiles are for images that hardly fit in memory
        keep_freed_memory()
    index = read_dataset(arguments.dataset, arguments.format)
    say_origin(index)
    if arguments.out is not None:
        require_outside(index, Path(arguments.out))
    inputs = list(_inputs(arguments, index))
    check_outputs(_files(arguments), inputs, arguments.overwrite)
    if arguments.save_prior is not None:
        check_outputs([Path(arguments.save_prior)], inputs, arguments.overwrite, "save_prior")
    if arguments.choose_prior:
        return _choose_prior(arguments, index)
    share, kept = share_of(arguments.share), _kept(arguments, index)
    with nullcontext() if kept is None else kept.writing():
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
            threshold=None if arguments.threshold == 0.5 else arguments.threshold,
            kept=kept,
            share=share,
        )
        if arguments.out is not None and not report.missing:
            report.save(arguments.out, arguments.overwrite)
        if kept is not None and (arguments.resume or share is not None):
            samples = index.split(arguments.split)[: arguments.limit]
            scored = kept.read(index, dict(enumerate(samples)))  # others may have come further meanwhile
            scores = {place: image.score(index.labels.names) for place, image in scored.items()}
            write_files_table(str(arguments.out), [name_in(index.root, sample.image) for sample in samples], scores)
    if report.missing:
        total = report.images + report.missing
        say(f"scored: {report.images} of {counted(total, 'image')}; the process that scores the last writes the report")
    else:
        Terminal().print(report.table())
        if arguments.out is not None:
            say(f"wrote {arguments.out}")
    return say_ledger(account_for(index))


def _kept(arguments: Any, index: DatasetIndex) -> KeptScores | None:
    """Where the scores of single images are kept."""
    from encnet.commands.shares import digest_of_weights, require_same
    from encnet.evaluation.kept_scores import KeptScores

    if arguments.out is None:
        return None
    meaning = hashlib.sha256(f"{index.labels!r} {index.source!r}".encode("utf-8", "surrogatepass")).hexdigest()
    settings = {
        "weights": digest_of_weights(str(arguments.checkpoint)),
        "dataset": index.name,
        "split": arguments.split,
        "labels": meaning,
        "threshold": arguments.threshold,
        "engine": arguments.engine,
        "precision": arguments.precision,
        **{f"protocol.{name}": value for name, value in asdict(arguments.protocol).items()},
    }
    kept = KeptScores(arguments.out, settings, arguments.resume, shared=arguments.share is not None)
    for others in kept.others() if arguments.resume or arguments.share is not None else ():
        require_same(Path(arguments.out), others, kept.settings, "evaluate without --resume and --share")
    return kept


def _files(arguments: Any) -> list[Path]:
    """The files that the command writes to ``--out``."""
    from encnet.evaluation import image_scores, prior, report

    if arguments.out is None:
        return []
    if arguments.choose_prior:
        return [Path(arguments.out, prior.FILE)]
    table = [Path(arguments.out, image_scores.FILES)] * (arguments.resume or arguments.share is not None)
    return [*report.result_files(arguments.out), *table]


def _inputs(arguments: Any, index: DatasetIndex) -> Iterator[str | Path]:
    """The files that the command reads."""
    yield from (arguments.checkpoint, *files_read(index))


def _choose_prior(arguments: Any, index: Any) -> int:
    from encnet.evaluation.prior import choose_prior, save_with_prior
    from encnet.system.terminal import Terminal

    choice = choose_prior(arguments.checkpoint, index, arguments.split, device=arguments.device, limit=arguments.limit)
    Terminal().print(choice.table())
    say(choice.sentence())
    if arguments.out is not None:
        say(f"wrote {choice.save(arguments.out, arguments.overwrite)}")
    if arguments.save_prior is not None:
        if choice.strength:
            save_with_prior(arguments.checkpoint, choice, arguments.save_prior, arguments.overwrite)
            say(f"wrote {arguments.save_prior}")
        else:
            say(f"{arguments.save_prior} was not written")
    return 0
