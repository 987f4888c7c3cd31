"""The way of a photograph through prediction, or of a sample through training: which files it enters, in order.

    python tools/way.py predict
    python tools/way.py train

The program runs for real, on a small network and images that are made for it, and Python reports every call. A file
counts as entered when one of its functions is called from another file of the package while the image is on its way:
for a photograph from ``Predictor.stream`` until its results are written, for a sample from its reading until the step
of the optimiser that it is for has ended. Returning to a caller is not entering. What is made once, the network for
example, is made before.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from PIL import Image

import encnet
from encnet.data.tensors import SegmentationDataset
from encnet.training.module import TrainingModule
from encnet.training.recipes import load_recipe
from encnet.training.run import train as run_training

PACKAGE = str(Path(encnet.__file__).parent)


class Way:
    """Records which files of the package are entered, one after the other, while it is on."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.on = False
        self.over = False

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        file = frame.f_code.co_filename
        if event != "call" or not self.on or self.over or not file.startswith(PACKAGE):
            return
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(PACKAGE):
            caller = caller.f_back  # through libraries: who of the package asked for it
        if caller is None or caller.f_code.co_filename != file:
            self.entered.append(str(Path(file).relative_to(PACKAGE)))

    def visits(self) -> Counter[str]:
        """How often each file is entered after another one, in the order in which files are first entered."""
        visits, last = Counter[str](), ""
        for name in self.entered:
            visits[name] += name != last
            last = name
        return visits


@contextmanager
def recorded(way: Way) -> Iterator[None]:
    """Inside, Python reports calls to ``way``, from all threads."""
    threading.setprofile(way)
    sys.setprofile(way)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@contextmanager
def around(holder: Any, name: str, before: Callable[[], object], after: Callable[[], object]) -> Iterator[None]:
    """Inside, a method of a class calls ``before`` and ``after`` around itself."""
    original = getattr(holder, name)

    def method(*arguments: Any, **options: Any) -> Any:
        before()
        try:
            return original(*arguments, **options)
        finally:
            after()

    setattr(holder, name, method)
    try:
        yield
    finally:
        setattr(holder, name, original)


def predict(folder: Path) -> Way:
    """The way of a photograph from its file to label map, overlay and JSON."""
    way = Way()
    torch.manual_seed(0)
    encnet.create_model("encnet_tiny", 3).save(folder / "model.safetensors")
    noise = np.random.default_rng(0).integers(0, 256, (75, 100, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "photograph.jpg")
    predictor = encnet.Predictor(folder / "model.safetensors")
    predictor(folder / "photograph.jpg")  # what is made once is made
    with recorded(way):
        way.on = True
        for segmentation in predictor.stream([folder / "photograph.jpg"]):
            segmentation.save(folder / "out")
        way.on = False
    return way


def train(folder: Path) -> Way:
    """The way of the samples of one step, from their files to the step of the optimiser."""
    way, rng = Way(), np.random.default_rng(0)
    for kind in ("images", "labels"):
        for split in ("train", "val"):
            (folder / kind / split).mkdir(parents=True)
            pixels = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) if kind == "images" else _halves()
            Image.fromarray(pixels).save(folder / kind / split / "0.png")
    config = load_recipe("scenes_tiny", data={"crop": [32, 32], "batch_size": 1, "workers": 0}, steps=1, ema=0.0)

    def begin() -> None:
        way.on = True

    def end() -> None:
        way.over = way.on

    with (
        around(SegmentationDataset, "__getitem__", begin, lambda: None),
        around(TrainingModule, "optimizer_step", lambda: None, end),
        recorded(way),
    ):
        run_training(folder, config, folder / "run", quiet=True)
    return way


def _halves() -> np.ndarray:
    return (np.arange(48)[:, None] + np.zeros((48, 64), int) > 20).astype(np.uint8)


WAYS: dict[str, Callable[[Path], Way]] = {"predict": predict, "train": train}


def main() -> None:
    """Prints the files in the order in which they are first entered, and how often each is entered."""
    with tempfile.TemporaryDirectory() as folder:
        visits = WAYS[sys.argv[1] if len(sys.argv) > 1 else "predict"](Path(folder)).visits()
    for name, count in visits.items():
        print(f"{count}  {name}")
    print(f"{len(visits)} files, none entered more than {max(visits.values())} times")


if __name__ == "__main__":
    main()
