"""A model -> a file that other engines run, checked against the model before it gets its name."""

from __future__ import annotations

import copy
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.progress import Progress
from torch.export import ExportedProgram

from encnet.errors import InputError
from encnet.export.calibration import read_calibration_image
from encnet.export.onnx import save_onnx
from encnet.export.openvino import read_onnx, save_openvino
from encnet.export.parity import Parity, compare, noise_batches
from encnet.export.program import first_line, save_program, trace
from encnet.export.quantization import quantize
from encnet.export.wrapper import ExportWrapper
from encnet.inference.alignment import fitting_size
from encnet.inference.engines import open_engine
from encnet.inference.engines.description import METADATA_KEY, Description
from encnet.model.encnet import EncNet
from encnet.model.loading import load

Format = Literal["onnx", "openvino", "torch"]
Precision = Literal["fp32", "bf16", "int8"]

SUFFIXES: dict[str, str] = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}
"""Of the file of each format; OpenVINO's weights are in a .bin beside it."""
PRECISIONS: dict[str, tuple[str, ...]] = {
    "onnx": ("fp32",),
    "openvino": ("fp32", "bf16", "int8"),
    "torch": ("fp32", "bf16"),
}
"""Of each format. A file for bf16 holds float32: it is rounded where it runs."""
JUDGED = 16
"""Calibration images on which the exported model is compared."""

_ENGINES: dict[str, Any] = {"onnx": "onnxruntime", "openvino": "openvino", "torch": "pytorch"}
_LIBRARIES = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("onnx", "onnxscript", "openvino"),
    "torch": (),
}


@dataclass(frozen=True)
class Exported:
    """What :func:`export_model` did."""

    files: tuple[Path, ...]
    """What was written, the file to open first."""
    parity: Parity
    """How far it is from the model."""


def export_model(
    model: EncNet | str | os.PathLike[str],
    out: str | os.PathLike[str],
    format: Format | None = None,
    precision: Precision = "fp32",
    *,
    labels: bool = False,
    size: tuple[int, int] | None = None,
    calibration: Sequence[str | os.PathLike[str]] = (),
    winograd: bool = True,
    progress: bool = False,
) -> Exported:
    """Exports a model for ONNX Runtime, OpenVINO or ``torch.export``, for any number and size of images.

    The file takes ``images``, uint8 (N, H, W, 3), RGB, and gives ``logits`` (N, classes, h, w) and ``presence``
    (N, classes), see :class:`encnet.export.wrapper.ExportWrapper`. Its metadata say what :class:`encnet.Predictor`
    needs to run it. Before it gets its name it runs beside the model, over images of several sizes; where the two
    disagree nothing is written.

    Args:
        model: a model, or what ``encnet.load`` takes.
        out: the file, ending in .onnx, .xml (beside it comes a .bin) or .pt2. Beside it comes NAME.parity.json.
        format: "onnx", "openvino" or "torch"; None is by the ending.
        precision: "fp32"; "bf16", the same file compared and meant to be run in bf16; or "int8".
        labels: have a third output, ``labels`` (N, H, W) uint8: the most probable class of each pixel.
        size: height and width in pixels, the only ones that the file will take; None is any.
        calibration: photographs like those that the model will see, on which both are compared; for int8 also the
            ranges of its activations come from them: some tens.
        winograd: in ONNX, have wide 3x3 convolutions take a quarter of their multiplications; the engine then needs
            more memory. The other formats never do: their files may be run in half precision, which is too coarse.
        progress: say on standard error what goes on.

    Raises:
        InputError: a library is missing, the file cannot be written, the options do not fit each other, or the
            exported model disagrees with the model.
    """
    out = Path(out)
    format = format_of(out, format)
    _check(format, precision, size, calibration)
    model = (load(model) if isinstance(model, str | os.PathLike) else copy.deepcopy(model)).cpu().eval()
    fitting = None if size is None else fitting_size(size, model.info, model.align_corners)
    if fitting is not None and fitting != tuple(size or ()):
        raise InputError(
            f"size is {list(size or ())}, which does not fit the strides of {model.info.variant}; take {list(fitting)}"
        )
    metadata = _metadata(Description.of(model, precision))
    images = [read_calibration_image(path, model.info, size) for path in calibration]
    with _staged(out) as staged:
        with _step(progress, "tracing the network"):
            program = trace(ExportWrapper(model, labels, winograd and format == "onnx"), size)
        with _step(progress, f"writing {out.name}"):
            _write(program, staged, format, metadata, images if precision == "int8" else (), progress)
        engine = open_engine(staged, _ENGINES[format], "cpu", "bf16" if precision == "bf16" else "fp32")
        batches = [*noise_batches(size), *(("calibration", image) for image in images[:JUDGED])]
        with Progress(console=Console(stderr=True), disable=not progress) as bar:
            task = bar.add_task("comparing with PyTorch", total=len(batches))
            parity = compare(model, engine, batches, precision, lambda: bar.advance(task))
        del engine  # some systems do not rename a file that is open
        if parity.failure is not None:
            raise InputError(
                f"{out} is not written, as it would not say what the model says: {parity.failure};"
                f" {_way_out(precision)}"
            )
        staged.with_suffix(".parity.json").write_text(json.dumps(parity.to_dict(), indent=2) + "\n", encoding="utf-8")
        written = sorted(staged.parent.iterdir(), key=lambda file: file.name != out.name)
    return Exported(tuple(out.with_name(file.name) for file in written), parity)


def format_of(out: Path, format: Format | None = None) -> Format:
    """The format that a file is to have, by its ending unless given.

    Raises:
        InputError: the ending is that of no format, or of another one.
    """
    if format is not None and format not in SUFFIXES:
        raise InputError(f"there is no export format {format!r}; choose one of {', '.join(SUFFIXES)}")
    found: list[Any] = [name for name, suffix in SUFFIXES.items() if suffix == out.suffix]
    if format is None and not found:
        endings = ", ".join(f"{suffix} ({name})" for name, suffix in SUFFIXES.items())
        raise InputError(f"{out} does not say the format; give --format, or an output that ends in {endings}")
    if format is not None and found != [format]:
        raise InputError(f"{out} does not end as a file of the format {format} does, in {SUFFIXES[format]}; rename it")
    return found[0]


def _check(format: str, precision: str, size: tuple[int, int] | None, calibration: Sequence[Any]) -> None:
    if precision not in PRECISIONS[format]:
        raise InputError(
            f"the format {format} cannot be exported in {precision!r}; choose one of {', '.join(PRECISIONS[format])},"
            " or the format openvino, which has all"
        )
    if precision == "int8" and not calibration:
        raise InputError(
            "int8 needs photographs like those that the model will see, for the ranges of its activations;"
            " give a folder of some tens of them, or a data set: --calibration PATH"
        )
    if size is not None and (len(size) != 2 or min(size) < 32):
        raise InputError(f"size is {list(size)}; it must be a height and a width of at least 32 pixels")
    libraries = (*_LIBRARIES[format], *(["nncf"] if precision == "int8" else []))
    missing = [library for library in libraries if find_spec(library) is None]
    if missing:
        raise InputError(
            f"exporting to {format} needs the package{'s' * (len(missing) > 1)} {', '.join(missing)};"
            f" install them with: pip install 'encnet[{format}]'"
        )


def _way_out(precision: str) -> str:
    if precision == "int8":
        return "give calibration images that are like those it will see, and more of them, or export it in fp32"
    return "export it in fp32" if precision == "bf16" else "export it in another format"


def _metadata(description: Description) -> dict[str, str]:
    """What the file says of itself: all, for encnet; and what other readers need, as plain JSON."""
    info = description.info
    preprocessing = {
        "images": "uint8 (N, H, W, 3), RGB; the graph normalises them itself, as (images / 255 - mean) / std",
        "long_side": info.long_side,
        "mean": info.mean,
        "std": info.std,
    }
    return {
        METADATA_KEY: description.to_json(),
        "classes": json.dumps(description.names, ensure_ascii=False),
        "palette": json.dumps(description.palette),
        "preprocessing": json.dumps(preprocessing),
    }


def _write(
    program: ExportedProgram,
    path: Path,
    format: str,
    metadata: dict[str, str],
    calibration: Sequence[np.ndarray],
    progress: bool,
) -> None:
    try:
        if format == "torch":
            save_program(program, path, metadata)
        elif format == "onnx":
            save_onnx(program, path, metadata)
        else:
            with tempfile.TemporaryDirectory() as folder:
                save_onnx(program, Path(folder, "graph.onnx"), {})
                model = read_onnx(Path(folder, "graph.onnx"))
                save_openvino(quantize(model, calibration, progress) if calibration else model, path, metadata)
                del model  # it reads its weights from the folder
    except Exception as error:  # a backbone of timm's may do what the format has no operation for
        raise InputError(
            f"this network cannot be written in the format {format} ({first_line(error)}); choose another format"
        ) from error


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """Gives a path of the same name in a new folder beside ``out``; what is in the folder when the block ends without
    an error is moved beside ``out``, the file itself last.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.stem}.", dir=out.parent) as folder:
            yield Path(folder, out.name)
            for file in sorted(Path(folder).iterdir(), key=lambda file: file.name == out.name):
                file.replace(out.with_name(file.name))
    except OSError as error:
        raise InputError(
            f"cannot write {out}: {error.strerror or error}; choose another place for the output"
        ) from error


def _step(progress: bool, text: str) -> AbstractContextManager[Any]:
    return Console(stderr=True).status(text) if progress else nullcontext()
