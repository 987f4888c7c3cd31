"""Exports a model to a file for other engines, after a comparison of the file with the model."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from encnet.checkpoint.encnet import EncNet
from encnet.checkpoint.loading import load
from encnet.data.geo.window import Window
from encnet.export.calibration import read_calibration_image
from encnet.export.formats import FORMATS, Precision
from encnet.export.parity import Parity, compare, noise_batches
from encnet.export.program import TRACED, trace
from encnet.export.wrapper import ExportWrapper
from encnet.inference.engines import open_engine
from encnet.inference.engines.description import METADATA_KEY, Description
from encnet.inference.engines.seal import seal
from encnet.inference.image_memory import require_image_fits
from encnet.inference.preprocessing import Preprocessing
from encnet.model.info import ModelInfo
from encnet.system.checks import require
from encnet.system.errors import InputError, first_line
from encnet.system.files import record, staging
from encnet.system.outputs import check_outputs
from encnet.system.progress import progress_bar, shown_step
from encnet.system.unwritable import refusal

PARITY: str = ".parity.json"
"""What follows the whole name of the exported model in the name of the file with the comparison."""
JUDGED: int = 16
"""Number of calibration images on which the exported model is compared."""


@dataclass(frozen=True)
class Exported:
    """The result of :func:`export_model`."""

    files: tuple[Path, ...]
    """The files written, beginning with the one to open."""
    parity: Parity
    """The comparison of the exported model with the original."""


def export_model(
    model: EncNet | str | os.PathLike[str],
    out: str | os.PathLike[str],
    format: str | None = None,
    precision: Precision = "fp32",
    *,
    labels: bool = False,
    size: tuple[int, int] | None = None,
    calibration: Sequence[str | os.PathLike[str] | Window] = (),
    winograd: bool = True,
    overwrite: bool = False,
    progress: bool = False,
) -> Exported:
    """Exports a model for ONNX Runtime, OpenVINO or ``torch.export``, for any number and size of images.

    The file takes ``images``, uint8 (N, H, W, C), RGB or other bands, and gives ``logits`` (N, classes, h, w) and
    ``presence`` (N, classes), see :class:`encnet.export.wrapper.ExportWrapper`. Its metadata contain everything that
    :class:`encnet.Predictor` needs. The file is first compared with the model on images of several sizes; if the two
    differ by more than :data:`encnet.export.parity.TOLERANCES`, nothing is written.

    Args:
        model: a model, or anything that ``encnet.load`` takes.
        out: the file, with the suffix .onnx, .xml (with a .bin beside it) or .pt2. Beside it comes NAME.parity.json, as
            in model.onnx.parity.json.
        format: "onnx", "openvino" or "torch", a name in :data:`encnet.export.formats.FORMATS`; None is by the suffix.
        precision: "fp32"; "bf16", the same file, compared in bf16 and marked to run in it; or "int8".
        labels: whether to add a third output, ``labels`` (N, H, W): the most probable class of each pixel, uint8, or
            int32 with more than 255 classes.
        size: the only height and width in pixels that the file will accept; None allows any size.
        calibration: images similar to those that the model will see; the models are compared on them, and for int8
            they determine the ranges of the activations. A few dozen are enough.
        winograd: whether wide 3x3 convolutions in ONNX use Winograd's method: a quarter of the multiplications, and
            more memory. The other formats never use it, because their files may run in half precision, for which it is
            too inexact.
        overwrite: whether to replace files that encnet did not write, or that were changed since.
        progress: whether to show the progress on standard error.

    Raises:
        InputError: a library is missing, the file cannot be written or would replace an input or a file that encnet
            did not write, the arguments do not fit together, or the exported model differs from the model.
    """
    out = Path(out)
    format = format_of(out, format)
    _check(format, precision, size, calibration)
    target = FORMATS[format]
    inputs = [file for image in calibration for file in (image.files if isinstance(image, Window) else [image])]
    inputs += [model] if isinstance(model, str | os.PathLike) else []
    check_outputs(result_files(out, format), inputs, overwrite)
    model = (load(model) if isinstance(model, str | os.PathLike) else copy.deepcopy(model)).cpu().eval()
    fitting = None if size is None else Preprocessing.of(model.info, model.align_corners).filling(size, size).size
    if fitting is not None and fitting != tuple(size or ()):
        raise InputError(
            f"size is {size}, which does not fit the strides of {model.info.variant}; give {fitting}", "size"
        )
    metadata = _metadata(Description.of(model, precision))
    images = [read_calibration_image(path, model.info, size) for path in calibration]
    with _staged(out) as staged:
        with shown_step("tracing the network", progress):
            program = trace(ExportWrapper(model, labels, winograd and target.winograd), size)
        with shown_step(f"writing {out.name}", progress):
            try:
                target.write(program, staged, metadata, images if precision == "int8" else (), progress)
                seal(staged)
            except Exception as error:  # a backbone of timm may need operations that the format does not have
                refused = refusal(error, {staged: out})
                if refused is not None:
                    raise refused from error
                raise InputError(
                    f"this network cannot be written in the format {format} ({first_line(error)}); choose another"
                ) from error
        engine = open_engine(staged, target.engine, "cpu", "bf16" if precision == "bf16" else "fp32")
        batches = [*noise_batches(size, len(model.info.mean)), *(("calibration", image) for image in images[:JUDGED])]
        with progress_bar(progress) as bar:
            task = bar.add_task("comparing with PyTorch", total=len(batches))
            parity = compare(model, engine, batches, precision, lambda: bar.advance(task))
        del engine  # some systems cannot rename an open file
        if parity.failure is not None:
            raise InputError(
                f"{out} is not written, because its output differs from that of the model: {parity.failure};"
                f" {_way_out(precision)}"
            )
        staged.with_name(staged.name + PARITY).write_text(
            json.dumps(parity.to_dict(), indent=2) + "\n", encoding="utf-8"
        )
        written = sorted(staged.parent.iterdir(), key=lambda file: file.name != out.name)
    return Exported(tuple(out.with_name(file.name) for file in written), parity)


def result_files(out: Path, format: str) -> list[Path]:
    """The files that :func:`export_model` writes, beginning with ``out``."""
    beside = (out.with_suffix(suffix) for suffix in FORMATS[format].beside)
    return [out, *beside, out.with_name(out.name + PARITY)]


def format_of(out: Path, format: str | None = None) -> str:
    """The format of a file, by its suffix unless given.

    Raises:
        InputError: there is no such format, or the suffix is that of no format or of another one.
    """
    if format is not None and format not in FORMATS:
        raise InputError(f"there is no export format {format!r}; choose one of {', '.join(FORMATS)}", "format")
    fitting = [name for name, each in FORMATS.items() if each.suffix == out.suffix]
    if format is None and not fitting:
        endings = ", ".join(f"{each.suffix} ({name})" for name, each in FORMATS.items())
        raise InputError(
            f"{out} has no suffix of a format; give the format, or a file that ends in {endings}", "format"
        )
    if format is not None and format not in fitting:
        suffix = FORMATS[format].suffix
        raise InputError(f"{out} does not end in {suffix}, as files of the format {format} do; rename it", "out")
    return format or fitting[0]


def _check(format: str, precision: str, size: tuple[int, int] | None, calibration: Sequence[Any]) -> None:
    target = FORMATS[format]
    if precision not in target.precisions:
        raise InputError(
            f"the format {format} does not support {precision!r}; choose {' or '.join(target.precisions)}, or the"
            " format openvino, which supports all precisions",
            "precision",
        )
    if precision == "int8" and not calibration:
        raise InputError(
            "int8 needs images similar to those that the model will see, for the ranges of its activations;"
            " give a folder of a few dozen, or a data set",
            "calibration",
        )
    if size is not None:
        require(len(size) == 2 and min(size) >= 32, "size", size, "a height and a width of at least 32 pixels")
        require_image_fits(*size, "size", images=TRACED)
    libraries = (*target.libraries, *(["nncf"] if precision == "int8" else []))
    missing = [library for library in libraries if find_spec(library) is None]
    if missing:
        install = f"'encnet[{target.extra}]'" if target.extra else " ".join(missing)
        raise InputError(
            f"exporting to {format} needs the package{'s' * (len(missing) > 1)} {', '.join(missing)};"
            f" install them with: pip install {install}"
        )


def _way_out(precision: str) -> str:
    """The advice for a model that differs too much."""
    if precision == "int8":
        return "give more calibration images, and images similar to those it will see, or export it in fp32"
    return "export it in fp32" if precision == "bf16" else "export it in another format"


def _metadata(description: Description) -> dict[str, str]:
    """The metadata of the file: the full description for encnet, and plain JSON for other programs."""
    info = description.info
    preprocessing = {
        "images": f"uint8 (N, H, W, {len(info.mean)}), {_bands(info)}; the graph normalises them itself, as"
        " (images / 255 - mean) / std",
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


def _bands(info: ModelInfo) -> str:
    source = Preprocessing.of(info).source
    return "RGB" if source.is_default else str(source)


@contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """Yields a path of the same name in a temporary folder beside ``out``. If the block ends without an error, the
    files in that folder are moved to their final place, ``out`` last.

    Raises:
        InputError: the folder cannot be created or written to.
    """
    with staging(out) as folder:
        yield folder / out.name
        files = sorted(folder.iterdir(), key=lambda file: file.name == out.name)
        for file in files:  # before any gets its name, since this may fail for want of space
            record(file, out.with_name(file.name))
        for file in files:
            file.replace(out.with_name(file.name))
