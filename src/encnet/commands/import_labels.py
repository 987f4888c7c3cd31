"""`encnet import-labels`: converts the export of a labelling tool to a data set."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

from encnet.system.text import say

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "converts the export of a labelling tool (labelme, CVAT, COCO, YOLO, masks, ...) to a data set"


def add_arguments(parser: ArgumentParser) -> None:
    from typing import Literal

    from encnet.data.labelling.importing import DEFAULT_VAL_SHARE, FORMATS

    parser.add_argument(
        "source", type=str, help="the export: a file, a folder of files, a .zip, or the id of a Hugging Face data set"
    )
    parser.add_argument("--out", type=str, required=True, help="folder to create: images/, labels/ and dataset.yaml")
    parser.add_argument("--format", type=str | None, default=None, help=f"one of {', '.join(FORMATS)}; none detects it")
    parser.add_argument(
        "--images", type=str | None, default=None, help="folder of the photographs, if they are not in the export"
    )
    parser.add_argument(
        "--classes", type=list[str], default=[], help="labels that become classes, in this order; by default all"
    )
    parser.add_argument(
        "--background", type=str | None, default=None, help="class of pixels outside of all areas; none ignores them"
    )
    parser.add_argument("--ignore", type=list[str], default=[], help="labels whose areas are ignored")
    parser.add_argument(
        "--val_share",
        type=float | None,
        default=None,
        help=f"share of the images for val, if the export has no split val; none is {DEFAULT_VAL_SHARE}",
    )
    parser.add_argument(
        "--order",
        type=Literal["tool", "area"] | None,
        default=None,
        help="which area is on top: as in the tool, or the smallest area; none is area for coco and yolo, else tool",
    )
    parser.add_argument(
        "--orientation",
        type=Literal["stored", "shown"] | None,
        default=None,
        help="on which pixels labels were drawn if the camera turned the photograph and sizes do not tell: as the file "
        "stores them, or as the upright photograph is shown",
    )
    parser.add_argument(
        "--columns",
        type=list[str],
        default=[],
        help="huggingface: the columns of images and of label maps, if their names do not tell, as [image,label]",
    )


def run(arguments: Any) -> int:
    from encnet.commands.command import INCOMPLETE
    from encnet.data.labelling import import_labels
    from encnet.system.progress import progress_bar

    with progress_bar() as bar:
        headers, task = bar.add_task("reading sizes", total=None), bar.add_task("importing", total=None)
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
            orientation=arguments.orientation,
            columns=arguments.columns,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            on_header=lambda done, total: bar.update(headers, completed=done, total=total),
        )
    if imported.why:
        say(f"read as {imported.format}, because {imported.why}")
    for kind, number in imported.left_out.items():
        examples = imported.examples.get(kind, ())
        named = f" ({', '.join(examples)}{', ...' if number > len(examples) else ''})" if examples else ""
        say(f"note: left out, {number} x {kind}{named}", error=True)
    for note in imported.notes:
        say(f"note: {note}", error=True)
    for warning in imported.warnings:
        say(f"warning: {warning}", error=True)
    splits = ", ".join(f"{number} in {split}" for split, number in imported.images.items())
    say(f"wrote {imported.root} from {imported.format}: {splits}; classes {', '.join(imported.classes)}")
    for line in imported.ledger.lines():
        say(line)
    folder = quote(str(imported.root))
    say(f"next: `encnet check {folder}` or `encnet train {folder}`")
    return 0 if imported.ledger.complete else INCOMPLETE
