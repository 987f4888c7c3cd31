"""Runs MMSegmentation's EncNet on request; started by :class:`benchmarks.peer.Peer`, never imported.

It runs in the environment of MMSegmentation, so it imports nothing of this package and avoids newer Python syntax. Its
one argument is a JSON object: "job" (inference or training), "classes", "depth", "threads". Each line of standard input
is a command, {"command": ..., "shape": [images, height, width]}, and each line of standard output the answer:

- run: does one pass, {"seconds": ...}
- settle: gives freed memory back to the system, {}
- gigaflop: multiplications and additions of a pass in 10^9, for a training step three times those of its forward
  pass; null where this PyTorch cannot count them

The first line of output holds the versions, without a command. An answer with "error" is the last one.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import platform
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any, Callable  # noqa: UP035 (older Pythons)

LIBRARIES = ("torch", "mmengine", "mmcv", "mmseg")
CONFIG = "encnet/encnet_r{depth}-d8_4xb4-80k_ade20k-512x512.py"


def build(classes: int, depth: int) -> Any:
    """The network of the published configuration, with plain batch norm: CPUs have no synchronised batch norm."""
    mmseg: Any = import_module("mmseg")
    import_module("mmseg.utils").register_all_modules()
    package = Path(mmseg.__file__).parent
    folders = (package / ".mim" / "configs", package.parent / "configs")
    name = CONFIG.format(depth=depth)
    found = [folder / name for folder in folders if (folder / name).is_file()]
    if not found:
        raise FileNotFoundError("its configuration " + name + " is not installed")
    config = import_module("mmengine.config").Config.fromfile(str(found[0])).model
    config.pretrained = None
    for part in (config.backbone, config.decode_head, config.auxiliary_head):
        part.norm_cfg.type = "BN"
    for part in (config.decode_head, config.auxiliary_head):
        part.num_classes = classes
    return import_module("mmseg.registry").MODELS.build(config)


def samples_of(shape: tuple[int, int, int], labels: Any = None) -> list[Any]:
    """The data samples that MMSegmentation needs beside the images."""
    structures, elements = import_module("mmseg.structures"), import_module("mmengine.structures")
    meta = {"img_shape": shape[1:], "ori_shape": shape[1:], "pad_shape": shape[1:]}
    samples = [structures.SegDataSample(metainfo=meta) for _ in range(shape[0])]
    if labels is not None:
        for sample, label in zip(samples, labels):  # noqa: B905 (older Pythons)
            sample.gt_sem_seg = elements.PixelData(data=label)
    return samples


class Prediction:
    """Prediction from uint8 images to label maps, by the method that MMSegmentation's own inference calls."""

    def __init__(self, network: Any, shape: tuple[int, int, int]) -> None:
        torch = import_module("torch")
        self.network, self.shape = network.eval(), shape
        self.images = list(torch.randint(0, 256, (shape[0], 3, *shape[1:]), dtype=torch.uint8))
        self.no_grad = torch.no_grad

    def run(self) -> None:
        with self.no_grad():
            self.network.test_step({"inputs": self.images, "data_samples": samples_of(self.shape)})

    def gigaflop(self) -> float:
        return counted(self.run)


class TrainingStep:
    """A training step on normalised images: forward, MMSegmentation's own losses, backward, optimiser."""

    def __init__(self, network: Any, optimizer: Any, shape: tuple[int, int, int]) -> None:
        torch = import_module("torch")
        self.network, self.optimizer = network.train(), optimizer
        self.images = torch.randn(shape[0], 3, *shape[1:])
        self.samples = samples_of(shape, torch.randint(0, network.num_classes, (shape[0], 1, *shape[1:])))

    def losses(self) -> Any:
        return self.network(self.images, self.samples, mode="loss")

    def run(self) -> None:
        self.optimizer.zero_grad()
        total, _ = self.network.parse_losses(self.losses())
        total.backward()
        self.optimizer.step()

    def gigaflop(self) -> float:
        return 3 * counted(self.losses)


def counted(run: Callable[[], object]) -> float:
    """Multiplications and additions of a run, in 10^9."""
    with import_module("torch.utils.flop_counter").FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 1e9


def answer(command: str, job: Any) -> dict[str, Any]:
    """Executes a command with a :class:`Prediction` or a :class:`TrainingStep`; returns the answer."""
    if command == "run":
        started = time.perf_counter()
        job.run()
        return {"seconds": time.perf_counter() - started}
    if command == "settle":
        gc.collect()
        if platform.system() == "Linux" and hasattr(ctypes.CDLL(None), "malloc_trim"):
            ctypes.CDLL(None).malloc_trim(0)
        return {}
    if command == "gigaflop":
        try:
            return {"gigaflop": job.gigaflop()}
        except ImportError:
            return {"gigaflop": None}
    raise ValueError("there is no command " + command)


def main() -> None:
    # Answers go to what was standard output; whatever libraries print goes to standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # The folder of a script comes first on the search path, and modules of this folder have common names.
    folder = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != folder]
    warnings.filterwarnings("ignore")

    def say(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    try:
        settings = json.loads(sys.argv[1])
        torch = import_module("torch")
        torch.manual_seed(0)
        torch.set_num_threads(settings["threads"])
        network = build(settings["classes"], settings["depth"])
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
        say({"versions": {name: import_module(name).__version__ for name in LIBRARIES}})
        jobs = {}
        for line in sys.stdin:
            request = json.loads(line)
            shape = tuple(request["shape"])
            if shape not in jobs:
                training = settings["job"] == "training"
                jobs[shape] = TrainingStep(network, optimizer, shape) if training else Prediction(network, shape)
            say(answer(request["command"], jobs[shape]))
    except Exception as error:
        say({"error": " ".join((type(error).__name__ + ": " + str(error)).split())})


if __name__ == "__main__":
    main()
