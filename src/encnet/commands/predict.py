"""`encnet predict`: segments photographs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from encnet.commands.command import WRONG_INPUT, add_engine
from encnet.errors import InputError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "segments photographs"


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.inference.protocol import Protocol

    parser.add_argument("checkpoint", type=str, help="a checkpoint, or an exported model: .onnx, .xml or .pt2")
    parser.add_argument("images", type=str, nargs="+", help="image files, folders of them, or globs")
    parser.add_argument("--out", type=str, default="predictions", help="folder for label maps, overlays and presence")
    parser.add_argument("--overlay", type=bool, default=True, help="write overlays too")
    parser.add_argument("--opacity", type=float, default=0.5, help="of the overlays' colours, 0 to 1")
    parser.add_argument("--batch_size", type=int, default=4, help="images of one size that are predicted together")
    parser.add_argument("--protocol", type=Protocol, default=Protocol())
    add_engine(parser)


def run(arguments: Any) -> int:
    from encnet.inference import Predictor, expand_inputs, output_stems

    paths = expand_inputs(arguments.images)
    if not 0 <= arguments.opacity <= 1:
        raise InputError(f"--opacity is {arguments.opacity}; it must be from 0 to 1")
    predictor = Predictor(
        arguments.checkpoint, arguments.protocol, arguments.device, arguments.precision, arguments.engine
    )
    failures: list[InputError] = []
    stems = dict(zip(paths, output_stems(paths), strict=True))
    with _bar() as bar:
        task = bar.add_task("predicting", total=len(paths))
        for segmentation in predictor.stream(paths, arguments.batch_size, on_error=failures.append):
            assert segmentation.path is not None
            segmentation.save(arguments.out, stems[segmentation.path], arguments.overlay, arguments.opacity)
            bar.advance(task)
    for failure in failures:
        print(f"encnet: {failure}", file=sys.stderr)
    print(f"wrote {len(paths) - len(failures)} predictions to {arguments.out}")
    return WRONG_INPUT if failures else 0


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))
