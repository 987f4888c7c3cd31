"""`encnet import-labels`: turns what a labelling tool exports into a data set."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "turns what a labelling tool exports (labelme, CVAT, COCO) into a data set"


def add_arguments(parser: ArgumentParser) -> None:
    from typing import Literal

    from encnet.data.labelling import READERS
    from encnet.data.labelling.importing import DEFAULT_VAL_SHARE

    parser.add_argument("source", type=str, help="the tool's file, a folder of its files, or the .zip that it gives")
    parser.add_argument("--out", type=str, required=True, help="folder to make: images/, labels/ and dataset.yaml")
    parser.add_argument("--format", type=str | None, default=None, help=f"one of {', '.join(READERS)}; none finds out")
    parser.add_argument(
        "--images", type=str | None, default=None, help="folder of the photographs, if the tool has them elsewhere"
    )
    parser.add_argument(
        "--classes", type=list[str], default=[], help="labels that become classes, in this order; none takes all"
    )
    parser.add_argument(
        "--background", type=str | None, default=None, help="class of pixels in no area; none has them ignored"
    )
    parser.add_argument("--ignore", type=list[str], default=[], help="labels whose areas are ignored")
    parser.add_argument(
        "--val_share", type=float, default=DEFAULT_VAL_SHARE, help="of the images, for val, if the tool has no splits"
    )
    parser.add_argument(
        "--order",
        type=Literal["tool", "area"] | None,
        default=None,
        help="what lies on top: what the tool has on top, or small areas; none is area for coco, else tool",
    )


def run(arguments: Any) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from encnet.data.labelling import import_labels

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("importing", total=None)
        imported = import_labels(
            arguments.source,
            arguments.out,
            arguments.format,
            images=arguments.images,
            classes=arguments.classes,
            background=arguments.background,
            ignore=arguments.ignore,
            val_share=arguments.val_share,
            order=arguments.order,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    for kind, number in imported.left_out.items():
        print(f"note: left out, {number} x {kind}", file=sys.stderr)
    if imported.unlabelled:
        print(f"note: left out, {imported.unlabelled} images in which nothing is labelled", file=sys.stderr)
    splits = ", ".join(f"{number} in {split}" for split, number in imported.images.items())
    print(f"wrote {imported.root} from {imported.format}: {splits}; classes {', '.join(imported.classes)}")
    print(f"`encnet check {imported.root}` looks at it, `encnet train {imported.root}` trains on it")
    return 0
