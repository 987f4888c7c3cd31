"""`encnet export`: writes a checkpoint for ONNX Runtime, OpenVINO or torch.export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from encnet.data.dataset import DatasetIndex
    from encnet.export.run import Exported

SUMMARY = "writes a checkpoint for ONNX Runtime, OpenVINO or torch.export"


def add_arguments(parser: ArgumentParser) -> None:
    from typing import Literal

    parser.add_argument("checkpoint", type=str, help="a checkpoint")
    parser.add_argument(
        "--format", type=Literal["onnx", "openvino", "torch"] | None, default=None, help="none is by the ending of out"
    )
    parser.add_argument(
        "--out", type=str | None, default=None, help="file to write: .onnx, .xml or .pt2; none is the checkpoint's name"
    )
    parser.add_argument(
        "--precision",
        type=Literal["fp32", "bf16", "int8"],
        default="fp32",
        help="bf16 is the file of fp32, compared and run in bf16; int8 is for openvino and needs calibration",
    )
    parser.add_argument(
        "--winograd",
        type=bool,
        default=True,
        help="in onnx, wide 3x3 convolutions in a quarter of the multiplications; takes more memory",
    )
    parser.add_argument("--labels", type=bool, default=False, help="have the label map as an output too")
    parser.add_argument(
        "--size", type=tuple[int, int] | None, default=None, help="[height,width] that it will take alone; none is any"
    )
    parser.add_argument(
        "--calibration",
        type=str | None,
        default=None,
        help="photographs like those it will see, for int8 and to compare on: a folder of them; or a data set, on "
        "whose split val the loss of mean IoU is then measured too",
    )
    parser.add_argument("--calibration_images", type=int, default=64, help="how many of them are used")
    parser.add_argument("--calibration_format", type=str | None, default=None, help="of that data set; none finds out")
    parser.add_argument("--limit", type=int | None, default=None, help="measure on only so many images of val")


def run(arguments: Any) -> int:
    from pathlib import Path

    from rich.console import Console

    from encnet.errors import InputError
    from encnet.export.calibration import find_calibration
    from encnet.export.run import SUFFIXES, export_model

    if arguments.out is None and arguments.format is None:
        raise InputError(f"give --format, one of {', '.join(SUFFIXES)}, or --out with the ending of one")
    out = Path(arguments.out or f"{Path(arguments.checkpoint).stem}{SUFFIXES[arguments.format]}")
    if arguments.limit is not None and arguments.limit < 1:
        raise InputError(f"--limit is {arguments.limit}; it must be at least 1")
    calibration = None
    if arguments.calibration is not None:
        calibration = find_calibration(
            arguments.calibration, arguments.calibration_images, arguments.calibration_format
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
        progress=True,
    )
    Console().print(exported.parity.table())
    if calibration is not None and calibration.dataset is not None:
        print(_scores(arguments.checkpoint, exported, calibration.dataset, arguments.limit))
    names = ", ".join(str(file) for file in exported.files)
    print(f"wrote {names}; `encnet predict {exported.files[0]} IMAGES` uses it")
    return 0


def _scores(checkpoint: str, exported: Exported, dataset: DatasetIndex, limit: int | None) -> str:
    """What the checkpoint and the exported model score on the labelled images, a line each."""
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
        images = f"{report.images} images of {report.dataset}, split {LABELLED}"
        line = f"{name} on {images}: mean IoU {100 * report.mean_iou:.2f} %"
        presence = report.scores.mean_presence_f1
        lines.append(line if presence is None else f"{line}, presence F1 {100 * presence:.2f} %")
    return "\n".join(lines)
