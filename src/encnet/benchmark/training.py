"""One training step: forward, loss, backward, SGD; in this package's ways, and by rivals."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor, nn

from encnet.benchmark.comparison import (
    PLAIN,
    Form,
    PreparedForm,
    Shape,
    check_sizes,
    chosen_rival,
    compare,
    printed_table,
)
from encnet.benchmark.measure import Memory, machine, memory_of_run
from encnet.benchmark.networks import backbone_of, forward_gigaflop
from encnet.benchmark.peak import KERNELS, Kernel
from encnet.benchmark.peer import peer_form
from encnet.benchmark.picture import draw_comparison
from encnet.benchmark.rivals import ARCHITECTURES, RIVALS, check_rivals, library_gigaflop, library_network, padded
from encnet.errors import InputError
from encnet.files import write_text
from encnet.losses import EncNetLoss, presence_targets
from encnet.model.encnet import EncNet, EncNetOutput
from encnet.model.variants import create_model
from encnet.training.allocator import keep_freed_memory
from encnet.training.precision import cpu_computes_bf16

WAYS: dict[str, tuple[str, ...]] = {
    "encnet": (),
    "encnet, recompute": ("recompute",),
    "encnet, compiled": ("compiled",),
    "encnet bf16": ("bf16",),
    "encnet bf16, recompute": ("bf16", "recompute"),
    "encnet bf16, compiled": ("bf16", "compiled"),
}
"""Names of a step's ways, and what they are: bf16 by autocast, stages computed twice, ``torch.compile``."""

PASSES = 3
"""A step's arithmetic in forward passes: each product has two derivatives, of as many operations as itself."""

RECOMPUTED_STAGES = 4
"""All stages of a ResNet."""


@dataclass(frozen=True)
class Step(PreparedForm):
    """A training step of a variant: channels last, the loss by blocks of pixels; as ``encnet train`` does it."""

    variant: str = "encnet_resnet50"
    classes: int = 150
    recompute: bool = False
    compiled: bool = False

    def network(self) -> EncNet:
        """What is trained."""
        options: dict[str, Any] = {"recompute_stages": RECOMPUTED_STAGES} if self.recompute else {}
        return create_model(self.variant, self.classes, **options)

    def prepare(self, shape: Shape) -> Callable[[], object]:
        keep_freed_memory()
        torch.manual_seed(0)
        network: Any = self.network().train()
        network.to(memory_format=torch.channels_last)
        if self.compiled:
            network.compile()
        loss = EncNetLoss(self.classes, presence_loss=network.presence_loss, align_corners=network.align_corners)
        images, labels = random_batch(shape, self.classes, torch.channels_last)

        def total() -> Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
                return loss(network(images, full_size=False), labels).total

        return sgd_step(network, total)

    def gigaflop(self, shape: Shape) -> float:
        return PASSES * forward_gigaflop(self.variant, self.classes, shape, training=True)

    def memory(self, shape: Shape) -> Memory:
        if self.compiled:  # a step that is not the first, in which it compiles
            return memory_of_run(self.prepare, (shape,), small=None)
        return super().memory(shape)


@dataclass(frozen=True)
class PlainStep(Step):
    """The same network trained as its description reads: PyTorch's own layout, and the scores of all classes brought to
    the size of the image before the loss."""

    def prepare(self, shape: Shape) -> Callable[[], object]:
        keep_freed_memory()
        torch.manual_seed(0)
        network: Any = self.network().train()
        images, labels = random_batch(shape, self.classes, torch.contiguous_format)
        return sgd_step(network, lambda: plain_loss(network(images), labels, self.classes, network.presence_loss))


@dataclass(frozen=True)
class LibraryStep(PreparedForm):
    """A step of a network of segmentation_models.pytorch, channels last, with this package's loss on its logits."""

    architecture: str = ARCHITECTURES[0]
    backbone: str = "resnet50"
    classes: int = 150

    def prepare(self, shape: Shape) -> Callable[[], object]:
        keep_freed_memory()
        torch.manual_seed(0)
        network: Any = library_network(self.architecture, self.backbone, self.classes).train()
        network.to(memory_format=torch.channels_last)
        loss = EncNetLoss(self.classes)
        images, labels = random_batch(shape, self.classes, torch.channels_last)
        images = padded(images)

        def total() -> Tensor:
            return loss(EncNetOutput(network(images)[:, :, : shape[1], : shape[2]]), labels).total

        return sgd_step(network, total)

    def gigaflop(self, shape: Shape) -> float:
        return PASSES * library_gigaflop(self.architecture, self.backbone, self.classes, shape)


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
        ways: of :data:`WAYS`; those in bf16 are left out where the CPU would emulate it, and those that compute stages
            twice where the backbone is no ResNet.
        rivals: of :data:`encnet.benchmark.rivals.RIVALS`.
        peer_python: the Python of an environment that has MMSegmentation, another rival; None leaves it out.
        rival: name of the one with which all are compared, as in the table; None as in :func:`compare`.
        kernels: that show the machine's best rate.

    Returns:
        path of the JSON: "setting", "machine", and what :func:`compare` returns. Arithmetic is :data:`PASSES`
        times that of the forward pass, without what is computed twice.

    Raises:
        InputError: an argument is out of its range, or a library or the environment is missing.
    """
    shape = (batch, *size)
    check_sizes({"height": 16, "width": 16, "batch": 2}, classes=classes, height=size[0], width=size[1], batch=batch)
    check_sizes({}, repeats=repeats)
    forms = [*step_forms(variant, classes, ways), *training_rivals(rivals, variant, classes)]
    peer = None if peer_python is None else peer_form(peer_python, "training", variant, classes)
    if peer is not None:
        forms.append(peer)
    chosen_rival([form.name for form in forms], rival)
    result = compare(forms, shape, repeats, kernels, rival)
    setting = {
        "variant": variant,
        "classes": classes,
        "height": size[0],
        "width": size[1],
        "batch": batch,
        "repeats": repeats,
        "peer": None if peer is None else peer.versions,
    }
    title = f"Training step, {variant}, {classes} classes, {size[0]}x{size[1]}, batch {batch}: medians of {repeats}"
    Console(width=150).print(printed_table(title, result))
    path = Path(folder) / f"training_{variant}.json"
    report = {"setting": setting, "machine": machine(), **result}
    write_text(path, json.dumps(report, indent=2) + "\n")
    draw_comparison(title, result, path.with_suffix(".png"))
    return path


def step_forms(variant: str, classes: int, ways: Sequence[str]) -> list[Form]:
    """This package's own steps.

    Raises:
        InputError: a way is unknown.
    """
    unknown = [way for way in ways if way not in WAYS]
    if unknown:
        raise InputError(f"there is no way {unknown[0]!r} of training; choose of: {'; '.join(WAYS)}")
    resnet = backbone_of(variant).startswith("resnet")
    forms: list[Form] = []
    for way in ways:
        traits = WAYS[way]
        if ("bf16" not in traits or cpu_computes_bf16()) and ("recompute" not in traits or resnet):
            precision = "bf16" if "bf16" in traits else "fp32"
            forms.append(Step(way, precision, variant, classes, "recompute" in traits, "compiled" in traits))
    return forms


def training_rivals(names: Sequence[str], variant: str, classes: int) -> list[Form]:
    """The forms of :data:`encnet.benchmark.rivals.RIVALS` for a variant.

    Raises:
        InputError: a name is unknown, or the library is not installed.
    """
    check_rivals(names)
    forms: list[Form] = []
    if "plain" in names:
        forms.append(PlainStep(PLAIN, "fp32", variant, classes))
    if "smp" in names:
        backbone = backbone_of(variant)
        forms += [LibraryStep(f"smp {name}", "fp32", name, backbone, classes) for name in ARCHITECTURES]
    return forms


def sgd_step(network: nn.Module, total: Callable[[], Tensor]) -> Callable[[], None]:
    """One step that lowers a loss."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        total().backward()
        optimizer.step()

    return step


def plain_loss(output: EncNetOutput, labels: Tensor, classes: int, presence_loss: str = "bce") -> Tensor:
    """The training loss (paper, section 3.2) term by term, on logits of the size of the labels."""
    total = F.cross_entropy(output.logits, labels)
    if output.aux_logits is not None:
        total = total + 0.4 * F.cross_entropy(output.aux_logits, labels)
    if output.presence is not None:
        compare_presence = F.binary_cross_entropy_with_logits if presence_loss == "bce" else F.mse_loss
        total = total + 0.2 * compare_presence(output.presence, presence_targets(labels, classes))
    return total


def random_batch(shape: Shape, classes: int, layout: torch.memory_format) -> tuple[Tensor, Tensor]:
    """Normalised images (B, 3, H, W) and label maps (B, H, W)."""
    images = torch.randn(shape[0], 3, *shape[1:]).contiguous(memory_format=layout)
    return images, torch.randint(0, classes, shape)
