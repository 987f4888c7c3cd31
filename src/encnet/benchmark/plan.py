"""The forms that a machine can run, and the files that they run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from encnet.benchmark.forms import CHECKPOINT, SUFFIXES, Form, LeftOut
from encnet.checkpoint.encnet import EncNet
from encnet.data.sample_files import ImageFile
from encnet.export.run import export_model
from encnet.inference.engines.engine import EngineName
from encnet.training.precision import cpu_computes_bf16, resolve_precision


def planned_forms(folder: Path, device: str, compiled: bool, calibrated: bool) -> tuple[list[Form], list[LeftOut]]:
    """All forms that this machine can compute without emulation, PyTorch in fp32 first; and those left out.

    Args:
        folder: where their files are going to be.
        device: what PyTorch runs on; the other engines run on the CPU.
        compiled: measure PyTorch with its compiler too.
        calibrated: there are photographs for the ranges of int8.
    """
    accelerator = "cpu" if device == "cpu" else "gpu"
    native = {"pytorch": resolve_precision("auto", accelerator) == "bf16", "openvino": cpu_computes_bf16()}
    native["compile"] = native["pytorch"]
    forms: list[Form] = []
    emulated: list[str] = []
    left_out: list[LeftOut] = []

    def plan(engine: EngineName, precision: Literal["fp32", "bf16", "int8"]) -> None:
        place = device if engine in ("pytorch", "compile") else "cpu"
        stem = "model-int8" if precision == "int8" else "model"
        form = Form(engine, precision, place, folder / f"{stem}{SUFFIXES.get(engine, CHECKPOINT)}")
        if precision == "bf16" and not native[engine]:
            emulated.append(form.name)
        elif precision == "int8" and not calibrated:
            left_out.append(LeftOut(form.name, "its ranges come from photographs; give a data set"))
        else:
            forms.append(form)

    engines: tuple[EngineName, ...] = ("pytorch", *(("compile",) if compiled else ()))
    for engine in engines:
        plan(engine, "fp32")
        plan(engine, "bf16")
    plan("onnxruntime", "fp32")
    plan("openvino", "fp32")
    plan("openvino", "bf16")
    plan("openvino", "int8")
    if emulated:
        left_out.insert(0, LeftOut(", ".join(emulated), "this machine computes bf16 only by emulation"))
    return forms, left_out


def write_file(model: EncNet, form: Form, calibration: Sequence[ImageFile]) -> None:
    """Writes the file that a form runs, unless it is there.

    Args:
        model: what is measured.
        form: one of the forms.
        calibration: photographs for the ranges of int8.

    Raises:
        InputError: a library is not installed, the network cannot be exported, or the exported file disagrees with it.
    """
    if form.file.exists():
        return
    if form.file.suffix == CHECKPOINT:
        model.save(form.file)
    elif form.precision == "int8":
        export_model(model, form.file, precision="int8", calibration=calibration)
    else:
        export_model(model, form.file)
