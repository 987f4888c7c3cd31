"""One training step, in the ways of this package and by rivals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.comparison import Setting, compare
from benchmarks.comparison_report import write_comparison
from benchmarks.peak import KERNELS, Kernel
from benchmarks.peer import peer_form
from benchmarks.rivals import RIVALS, chosen_rivals
from benchmarks.steps import WAYS, LibraryStep, PlainStep, step_forms


def benchmark_training(
    folder: str | Path,
    variant: str = "encnet_resnet50",
    classes: int = 150,
    size: tuple[int, int] = (512, 512),
    batch: int = 2,
    repeats: int = 3,
    ways: Sequence[str] = tuple(WAYS),
    rivals: Sequence[str] = RIVALS,
    peer_python: str | None = None,
    rival: str | None = None,
    kernels: Sequence[Kernel] = KERNELS,
) -> Path:
    """Times training steps on the CPU. The steps take turns, also with the kernels that show the CPU's best rate.

    Args:
        folder: where training_VARIANT.json and .png are written.
        variant: of :func:`encnet.list_models`.
        classes: number of classes.
        size: height and width of the images.
        batch: images per step.
        repeats: timed steps of each form, after one that is not counted.
        ways: of :data:`benchmarks.steps.WAYS`; those in bf16 are left out where the CPU would emulate it.
        rivals: of :data:`benchmarks.rivals.RIVALS`.
        peer_python: the Python of an environment that has MMSegmentation, another rival; None leaves it out.
        rival: name of the form that all are compared with, as in the table; None as in :func:`compare`.
        kernels: kernels that show the machine's best rate.

    Returns:
        Path of the JSON: "setting", "machine", and what :func:`compare` returns. The arithmetic is that of three
        forward passes (:data:`benchmarks.steps.PASSES`), without what is recomputed.

    Raises:
        InputError: an argument is out of its range, or a library or the environment is missing.
    """
    setting = Setting("training", variant, classes, *size, batch, repeats)
    others = chosen_rivals(rivals, variant, classes, PlainStep, LibraryStep)
    peer = None if peer_python is None else peer_form(peer_python, "training", variant, classes)
    forms = [*step_forms(variant, classes, ways), *others, *([] if peer is None else [peer])]
    result = compare(forms, setting.shape, repeats, kernels, rival)
    return write_comparison(folder, setting, None if peer is None else peer.versions, result)
