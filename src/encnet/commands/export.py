"""`encnet export`: writes a checkpoint for ONNX Runtime, OpenVINO or torch.export."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

from encnet.commands.command import add_overwrite
from encnet.commands.data_set import say_origin
from encnet.commands.unused import Unused
from encnet.system.text import counted, say

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from encnet.data.dataset import DatasetIndex
    from encnet.export.run import Exported

SUMMARY = "writes a checkpoint for ONNX Runtime, OpenVINO or torch.export"
UNUSED = (
    *(
        Unused(name, lambda a: a.calibration is None, "without --calibration", "give --calibration too")
        for name in ("calibration_images", "calibration_format", "limit")
    ),
    Unused("winograd", lambda a: not _is_onnx(a), "in other formats than onnx", "give --format onnx"),
)


def add_arguments(parser: ArgumentParser) -> None:
    from typing import Literal

    parser.add_argument("checkpoint", type=str, help="a checkpoint, or the folder of a training run")
    parser.add_argument(
        "--format", type=str | None, default=None, help="onnx, openvino or torch; none follows the suffix of --out"
    )
    parser.add_argument(
        "--out",
        type=str | None,
        default=None,
        help="file to write: .onnx, .xml or .pt2; none takes the name of the checkpoint",
    )
    add_overwrite(parser)
    parser.add_argument(
        "--precision",
        type=Literal["fp32", "bf16", "int8"],
        default="fp32",
        help="bf16 writes the file of fp32, compared and run in bf16; int8 is for openvino and needs calibration",
    )
    parser.add_argument(
        "--winograd",
        type=bool,
        default=True,
        help="onnx: compute wide 3x3 convolutions with a quarter of the multiplications, in more memory",
    )
    parser.add_argument("--labels", type=bool, default=False, help="add the label map as an output")
    parser.add_argument(
        "--size",
        type=tuple[int, int] | None,
        default=None,
        help="[height,width], the only input size of the file; none accepts any size",
    )
    parser.add_argument(
        "--calibration",
        type=str | None,
        default=None,
        help="photographs like those it will predict, for int8 and for the comparison: a folder; or a data set, whose "
        "split val then also measures the loss of mean IoU",
    )
    parser.add_argument("--calibration_images", type=int, default=64, help="number of calibration images to use")
    parser.add_argument(
        "--calibration_format", type=str | None, default=None, help="format of that data set; none detects it"
    )
    parser.add_argument(
        "--limit", type=int | None, default=None, help="measure mean IoU on only this many images of val"
    )


def run(arguments: Any) -> int:
    from pathlib import Path

    from encnet.export.calibration import LABELLED, find_calibration
    from encnet.export.formats import FORMATS
    from encnet.export.run import export_model
    from encnet.system.checks import require
    from encnet.system.errors import InputError
    from encnet.system.terminal import Terminal

    name, out = arguments.format, arguments.out
    if name is not None and name not in FORMATS:
        raise InputError(f"there is no export format {name!r}; choose one of {', '.join(FORMATS)}", "format")
    if out is None:
        if name is None:
            raise InputError(f"give --format, one of {', '.join(FORMATS)}, or --out with the suffix of one")
        out = f"{Path(arguments.checkpoint).stem}{FORMATS[name].suffix}"
    require(arguments.limit is None or arguments.limit >= 1, "--limit", arguments.limit, "at least 1")
    calibration = None
    if arguments.calibration is not None:
        calibration = find_calibration(
            arguments.calibration, arguments.calibration_images, arguments.calibration_format
        )
        if calibration.dataset is not None:
            say_origin(calibration.dataset)
        if arguments.limit is not None and calibration.labelled is None:
            raise InputError(
                f"--limit has no effect, because {arguments.calibration} has no labelled images in a split "
                f"{LABELLED}; leave it out, or give a data set that has"
            )
    exported = export_model(
        arguments.checkpoint,
        out,
        arguments.format,
        arguments.precision,
        labels=arguments.labels,
        size=arguments.size,
        calibration=() if calibration is None else calibration.images,
        winograd=arguments.winograd,
        overwrite=arguments.overwrite,
        progress=True,
    )
    Terminal().print(exported.parity.table())
    if calibration is not None and calibration.labelled is not None:
        for line in _scores(arguments.checkpoint, exported, calibration.labelled, arguments.limit):
            say(line)
    names = ", ".join(str(file) for file in exported.files)
    say(f"wrote {names}; `encnet predict {quote(str(exported.files[0]))} IMAGES` uses it")
    return 0


def _is_onnx(arguments: Any) -> bool:
    """Whether the export is in the format onnx; the export itself refuses a format that does not fit ``--out``."""
    return arguments.format == "onnx" or (arguments.format is None and str(arguments.out or "").endswith(".onnx"))


def _scores(checkpoint: str, exported: Exported, dataset: DatasetIndex, limit: int | None) -> list[str]:
    """Scores of the checkpoint and of the exported model on the labelled images, one line for each."""
    from encnet.evaluation import evaluate
    from encnet.export.calibration import LABELLED

    precision = exported.parity.precision
    runs: list[tuple[str, Any, Any]] = [
        ("the checkpoint", checkpoint, "fp32"),
        (f"exported ({precision})", exported.files[0], "bf16" if precision == "bf16" else "fp32"),
    ]
    lines = []
    for name, model, computed in runs:
        report = evaluate(model, dataset, split=LABELLED, limit=limit, precision=computed)
        images = f"{counted(report.images, 'image')} of {report.dataset}, split {LABELLED}"
        line = f"{name} on {images}: mean IoU {100 * report.mean_iou:.2f} %"
        presence = report.scores.mean_presence_f1
        lines.append(line if presence is None else f"{line}, presence F1 {100 * presence:.2f} %")
    return lines
