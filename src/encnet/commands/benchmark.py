"""`encnet benchmark`: measures a model on this machine, in every engine that is installed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from encnet.commands.command import add_overwrite
from encnet.commands.data_set import say_origin
from encnet.commands.unused import Unused
from encnet.system.errors import InputError
from encnet.system.text import say

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "measures your model on this machine, in every engine that is installed"

UNUSED = tuple(
    Unused(
        name,
        lambda a: a.data is None,
        "without a data set, on which mean IoU is measured",
        "give the folder of a data set after the checkpoint",
    )
    for name in ("format", "split", "limit")
)

MOVED = {
    **{
        name: name for name in ("layer", "inference", "training", "data", "growth", "resolution", "context", "document")
    },
    "seed": "tutorial",
    "tiles": "shared_context",
}
"""What this verb measured in earlier versions -> the benchmark of the repository that does it now."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=str, help="a checkpoint, or the folder of a training run")
    parser.add_argument(
        "data",
        type=str | None,
        nargs="?",
        default=None,
        help="folder of a data set, for mean IoU and for the ranges of int8; none measures speed and memory alone",
    )
    parser.add_argument("--format", type=str | None, default=None, help="of the data set; none finds out")
    parser.add_argument("--split", type=str, default="val", help="split on which mean IoU is measured")
    parser.add_argument("--limit", type=int | None, default=None, help="measure mean IoU on only so many images")
    parser.add_argument(
        "--size",
        type=tuple[int, int] | None,
        default=None,
        help="[height,width] of the timed images; none is that of the photographs, or the training crop, or 512x512",
    )
    parser.add_argument("--batch", type=int, default=1, help="images per run")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each form; medians are reported")
    parser.add_argument(
        "--device", type=str, default="auto", help="of PyTorch: cpu, cuda, cuda:1, ...; auto takes a GPU if any"
    )
    parser.add_argument("--compile", type=bool, default=False, help="measure torch.compile too, which starts slowly")
    parser.add_argument("--out", type=str, default="runs/benchmark", help="folder for benchmark.json")
    add_overwrite(parser)


def prepared(words: list[str]) -> list[str]:
    if words:
        _require_checkpoint(words[0])  # before flags that are those of the benchmark that moved
    return words


def run(arguments: Any) -> int:
    from encnet.benchmark.report import FILE
    from encnet.benchmark.run import benchmark_model
    from encnet.data.formats import read_dataset
    from encnet.system.outputs import check_outputs
    from encnet.system.terminal import Terminal

    _require_checkpoint(arguments.checkpoint)
    check_outputs([Path(arguments.out, FILE)], [arguments.checkpoint], arguments.overwrite)
    index = None
    if arguments.data is not None:
        index = read_dataset(arguments.data, arguments.format)
        say_origin(index)
    report = benchmark_model(
        arguments.checkpoint,
        index,
        split=arguments.split,
        limit=arguments.limit,
        size=arguments.size,
        batch=arguments.batch,
        repeats=arguments.repeats,
        device=arguments.device,
        compiled=arguments.compile,
    )
    path = report.save(arguments.out, arguments.overwrite)
    Terminal().print(report.table())
    for name, reason in report.left_out:
        say(f"not measured: {name}: {reason}")
    say(report.recommendation)
    say(f"wrote {path}")
    return 0


def _require_checkpoint(word: str) -> None:
    """Raises InputError where a word names a benchmark that moved, and no checkpoint."""
    if word in MOVED and not (Path(word).is_file() or Path(word, "model.safetensors").is_file()):
        raise InputError(f"that benchmark is now `python -m benchmarks {MOVED[word]}`, in a checkout of the repository")
