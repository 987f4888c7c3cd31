"""One training step, in this package's ways and by rivals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from encnet.benchmark.comparison import Setting, compare
from encnet.benchmark.comparison_report import write_comparison
from encnet.benchmark.peak import KERNELS, Kernel
from encnet.benchmark.peer import peer_form
from encnet.benchmark.rivals import RIVALS, chosen_rivals
from encnet.benchmark.steps import WAYS, LibraryStep, PlainStep, step_forms


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
    """Times training steps on the CPU; steps of all, and of the kernels that show its best rate, take turns.

    Args:
        folder: gets training_VARIANT.json and .png.
        variant: of :func:`encnet.list_models`.
        classes: number of classes.
        size: height and width of the images.
        batch: images in a step.
        repeats: timed steps of each, after one that is not counted.
        ways: of :data:`encnet.benchmark.steps.WAYS`; those in bf16 are left out where the CPU would emulate it.
        rivals: of :data:`encnet.benchmark.rivals.RIVALS`.
        peer_python: the Python of an environment that has MMSegmentation, another rival; None leaves it out.
        rival: name of the one with which all are compared, as in the table; None as in :func:`compare`.
        kernels: that show the machine's best rate.

    Returns:
        path of the JSON: "setting", "machine", and what :func:`compare` returns. Arithmetic is that of three forward
        passes (:data:`encnet.benchmark.steps.PASSES`), without what is computed twice.

    Raises:
        InputError: an argument is out of its range, or a library or the environment is missing.
    """
    setting = Setting("training", variant, classes, *size, batch, repeats)
    others = chosen_rivals(rivals, variant, classes, PlainStep, LibraryStep)
    peer = None if peer_python is None else peer_form(peer_python, "training", variant, classes)
    forms = [*step_forms(variant, classes, ways), *others, *([] if peer is None else [peer])]
    result = compare(forms, setting.shape, repeats, kernels, rival)
    return write_comparison(folder, setting, None if peer is None else peer.versions, result)
