"""`encnet convert`: turns a checkpoint of another code base into one of encnet."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from encnet.commands.command import add_overwrite
from encnet.commands.unused import Unused
from encnet.system.text import say

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "reads a checkpoint of MMSegmentation, PyTorch-Encoding, FastFCN, PaddleSeg, the tutorial form; or a ResNet"
LISTED = 20
"""The most tensors that are listed if they do not fit."""
UNUSED = (
    Unused(
        "format",
        lambda a: a.classes is None or not Path(a.classes).is_dir(),
        "without a data set that gives the names of classes",
        "give its folder as --classes",
    ),
)


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.weights.sources import SOURCES

    numbers = list[float] | None
    parser.add_argument("file", type=str, help="a checkpoint: .pth, .pt, .pth.tar, .safetensors or .pdparams")
    parser.add_argument(
        "--out", type=str | None, default=None, help="file to write; none writes FILE.encnet.safetensors"
    )
    parser.add_argument(
        "--align_corners", type=bool | None, default=None, help="convention of bilinear interpolation in the network"
    )
    parser.add_argument(
        "--classes",
        type=str | None,
        default=None,
        help="class names: folder of a data set, dataset.yaml, or a text file with one per line",
    )
    parser.add_argument("--format", type=str | None, default=None, help="format of that data set; none detects it")
    parser.add_argument("--mean", type=numbers, default=None, help="mean of red, green and blue, 0 to 1")
    parser.add_argument("--std", type=numbers, default=None, help="standard deviation of red, green and blue, 0 to 1")
    add_overwrite(parser)
    parser.add_argument("--source", type=str | None, default=None, help=f"one of {', '.join(SOURCES)}; none detects it")


def run(arguments: Any) -> int:
    from rich.table import Table

    from encnet.system.terminal import Terminal
    from encnet.weights.convert import convert_file
    from encnet.weights.fitting import MisfitError
    from encnet.weights.sources import Answers

    answers = Answers(arguments.source, arguments.align_corners, arguments.mean, arguments.std)
    out = arguments.out or f"{Path(arguments.file).stem}.encnet.safetensors"
    try:
        converted = convert_file(arguments.file, out, answers, arguments.classes, arguments.format, arguments.overwrite)
    except MisfitError as error:
        for tensor in error.tensors[:LISTED]:
            say(f"encnet: {tensor}", error=True)
        raise
    table = Table("setting", "value", "from")
    for row in converted.rows:
        table.add_row(*row)
    Terminal().print(table)
    if converted.backbone is not None:
        say(f"wrote {out}: initial weights, for --model.backbone {converted.backbone} --model.pretrained {quote(out)}")
    else:
        say(f"wrote {out}; `encnet predict {quote(out)} IMAGES` uses it")
    return 0
