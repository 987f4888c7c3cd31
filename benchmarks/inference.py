"""Prediction from uint8 images to label maps and presence, by every engine and by rivals."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.comparison import Form, PreparedForm, Setting, chosen_rival, compare
from benchmarks.comparison_report import write_comparison
from benchmarks.networks import forward_gigaflop, untrained
from benchmarks.peak import KERNELS, Kernel
from benchmarks.peer import peer_form
from benchmarks.rivals import RIVALS, chosen_rivals
from encnet.benchmark.drawn import drawn_images
from encnet.benchmark.forms import CHECKPOINT, LABELS, SUFFIXES
from encnet.benchmark.images import Shape
from encnet.benchmark.measure import Memory, memory_of_run
from encnet.export.openvino import read_onnx, save_openvino
from encnet.export.quantization import quantize
from encnet.export.run import export_model
from encnet.inference.engines.description import METADATA_KEY, Description
from encnet.inference.predictor import Predictor
from encnet.system.errors import InputError
from encnet.system.memory import keep_freed_memory
from encnet.training.precision import cpu_computes_bf16

ENGINES = ("pytorch", "compile", "onnxruntime", "openvino")
PRECISIONS = {
    "pytorch": ("fp32", "bf16"),
    "compile": ("fp32", "bf16"),
    "onnxruntime": ("fp32",),
    "openvino": ("fp32", "bf16", "int8"),
}
"""Engine -> number formats that are measured; bf16 only where the CPU computes it without emulation."""

JPU = "encnet_jpu_resnet50"
"""Variant that is measured beside encnet_resnet50."""

CALIBRATION = (8, 256, 320)
"""Images, height and width for the ranges of an int8 network that is only timed."""


@dataclass(frozen=True)
class EnginePrediction(PreparedForm):
    """Prediction by :class:`encnet.Predictor` on the CPU."""

    path: str = ""
    """A checkpoint or an exported file."""
    engine: str = "pytorch"
    variant: str = "encnet_resnet50"
    classes: int = 150
    protocol: str = "plain"

    def prepare(self, shape: Shape) -> Callable[[], object]:
        if self.protocol != "tiled":  # as the commands do
            keep_freed_memory()
        computed: Any = "bf16" if self.precision == "bf16" else "fp32"
        engine: Any = self.engine
        predictor = Predictor(self.path, self.protocol, device="cpu", precision=computed, engine=engine)
        images = drawn_images(shape)
        return lambda: predictor.labels(images)

    def gigaflop(self, shape: Shape) -> float:
        return forward_gigaflop(self.variant, self.classes, shape)

    def memory(self, shape: Shape) -> Memory:
        if self.engine == "compile":  # measure a run after the first, in which it compiles
            return memory_of_run(self.prepare, (shape,), small=None)
        return super().memory(shape)


def benchmark_inference(
    folder: str | Path,
    variant: str = "encnet_resnet50",
    classes: int = 150,
    size: tuple[int, int] = (512, 512),
    batch: int = 1,
    repeats: int = 5,
    engines: Sequence[str] = ENGINES,
    rivals: Sequence[str] = RIVALS,
    peer_python: str | None = None,
    rival: str | None = None,
    kernels: Sequence[Kernel] = KERNELS,
) -> Path:
    """Times prediction from uint8 images to label maps and presence, with an untrained network, on the CPU.

    Measures every engine and number format that this machine computes without emulation, and with ``encnet_resnet50``
    also its JPU variant. Their runs take turns, also with the kernels that show the machine's best rate.

    Args:
        folder: where inference_VARIANT.json and .png are written.
        variant: of :func:`encnet.list_models`.
        classes: number of classes.
        size: height and width of the images.
        batch: images per run.
        repeats: timed runs of each form, after one that is not counted.
        engines: of :data:`ENGINES`.
        rivals: of :data:`benchmarks.rivals.RIVALS`.
        peer_python: the Python of an environment that has MMSegmentation, another rival; None leaves it out.
        rival: name of the form that all are compared with, as in the table; None as in :func:`compare`.
        kernels: kernels that show the machine's best rate.

    Returns:
        Path of the JSON: "setting", "machine", and what :func:`compare` returns.

    Raises:
        InputError: an argument is out of its range, or a library or the environment is missing.
    """
    setting = Setting("inference", variant, classes, *size, batch, repeats)
    unknown = [engine for engine in engines if engine not in ENGINES]
    if unknown:
        raise InputError(f"there is no engine {unknown[0]!r}; choose of {', '.join(ENGINES)}", "engines")
    variants = [variant, JPU] if variant == "encnet_resnet50" else [variant]
    peer = None if peer_python is None else peer_form(peer_python, "inference", variant, classes)
    others = chosen_rivals(rivals, variant, classes) + ([] if peer is None else [peer])
    with tempfile.TemporaryDirectory(prefix="encnet-benchmark-") as models:
        planned = [form for name in variants for form in engine_forms(name, classes, engines, Path(models))]
        # A wrong name is found before minutes of exporting.
        chosen_rival([form.name for form in [*planned, *others]], rival)
        for name in variants:
            export_all(name, classes, engines, Path(models))
        result = compare([*planned, *others], setting.shape, repeats, kernels, rival)
    return write_comparison(folder, setting, None if peer is None else peer.versions, result)


def engine_forms(variant: str, classes: int, engines: Sequence[str], models: Path) -> list[Form]:
    """The forms of a variant in all engines and number formats; :func:`export_all` writes their files."""
    forms: list[Form] = []
    for engine in engines:
        for precision in PRECISIONS[engine]:
            if precision != "bf16" or cpu_computes_bf16():
                label = LABELS[engine] + ("" if precision == "fp32" else f" {precision}")
                path = str(file_of(variant, engine, precision, models))
                forms.append(EnginePrediction(f"{variant}, {label}", precision, path, engine, variant, classes))
    return forms


def export_all(variant: str, classes: int, engines: Sequence[str], models: Path) -> None:
    """Writes an untrained network as a checkpoint, and in the formats of the engines."""
    model = untrained(variant, classes)
    with Console(stderr=True).status("") as status:
        for engine in engines:
            status.update(f"exporting {variant} for {LABELS[engine]}")
            path = file_of(variant, engine, "fp32", models)
            if path.suffix == CHECKPOINT:
                model.save(path)
            else:
                export_model(model, path)
        if "openvino" in engines:
            status.update(f"quantising {variant} for OpenVINO")
            # Not export_model: it would measure on photographs how often both agree, which means nothing for a network
            # that was never trained.
            images = [image[None] for image in drawn_images(CALIBRATION)]
            quantized = quantize(read_onnx(file_of(variant, "openvino", "fp32", models)), images, progress=False)
            metadata = {METADATA_KEY: Description.of(model, "int8").to_json()}
            save_openvino(quantized, file_of(variant, "openvino", "int8", models), metadata)


def file_of(variant: str, engine: str, precision: str, models: Path) -> Path:
    """The file that :func:`export_all` writes for an engine; bf16 is computed from the file for fp32."""
    suffix = SUFFIXES.get(engine, CHECKPOINT)
    return models / f"{variant}{'-int8' if precision == 'int8' else ''}{suffix}"
