"""The forms in which a model is measured: engines and number formats, and the files that they run.

Nothing here needs PyTorch, so that the memory of an exported model is measured without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from encnet.benchmark.images import Shape, photographs
from encnet.benchmark.measure import SMALL_SIDE, Memory, memory_of_run
from encnet.data.sample_files import ImageFile
from encnet.inference.engines import EngineName
from encnet.inference.predictor import Predictor
from encnet.system.memory import keep_freed_memory

LABELS: dict[str, str] = {
    "pytorch": "PyTorch",
    "compile": "torch.compile",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
}
"""Engine -> its name in reports."""

CHECKPOINT = ".safetensors"
"""Suffix of the file that PyTorch runs."""
SUFFIXES: dict[str, str] = {"onnxruntime": ".onnx", "openvino": ".xml"}
"""Engine -> the suffix of the exported file that it runs."""


@dataclass(frozen=True)
class Form:
    """An engine, the number format of its computation, and the file that it runs."""

    engine: EngineName
    """The engine; not "auto"."""
    precision: Literal["fp32", "bf16", "int8"]
    """The number format."""
    device: str
    """"cpu", or for PyTorch a GPU, "cuda:0" for example."""
    file: Path
    """A checkpoint, or an exported file."""

    @property
    def name(self) -> str:
        """What reports call it, "OpenVINO int8" for example."""
        place = "" if self.device == "cpu" else f" on {self.device}"
        return f"{LABELS[self.engine]} {self.precision}{place}"

    @property
    def computed(self) -> Literal["fp32", "bf16"]:
        """The number format that the engine is asked for; int8 is in the file."""
        return "bf16" if self.precision == "bf16" else "fp32"

    def prepare(self, shape: Shape, paths: Sequence[ImageFile]) -> Callable[[], object]:
        """Loads the file and the images; returns the run, from uint8 images to label maps and presence.

        Args:
            shape: images, height and width.
            paths: photographs, which are resized.
        """
        keep_freed_memory()  # as the commands do
        predictor = Predictor(self.file, device=self.device, precision=self.computed, engine=self.engine)
        images = photographs(paths, shape, predictor.preprocessing.source)
        return lambda: predictor.labels(images)

    def memory(self, shape: Shape, paths: Sequence[ImageFile]) -> Memory:
        """Measures the memory of a run in a process of its own; arguments as for :meth:`prepare`."""
        # A compiled network is measured in a run that is not its first, in which it compiles.
        small = None if self.engine == "compile" else ((shape[0], SMALL_SIDE, SMALL_SIDE), paths)
        return memory_of_run(self.prepare, (shape, paths), small, self.device)


class LeftOut(NamedTuple):
    """A form that is not measured."""

    name: str  #: of the form, or of several: "OpenVINO fp32, OpenVINO int8"
    reason: str  #: why, and what to do about it where something can be done
