"""Training steps, forward, loss, backward and SGD: those of this package, their plain form, and those of a library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.comparison import Form, PreparedForm
from benchmarks.networks import forward_gigaflop
from benchmarks.rivals import ARCHITECTURES, library_gigaflop, library_network, padded
from encnet.benchmark.images import Shape
from encnet.benchmark.measure import Memory, memory_of_run
from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.kernels.acceleration import plain
from encnet.losses.encnet_loss import EncNetLoss
from encnet.losses.terms import presence_targets
from encnet.model.output import EncNetOutput
from encnet.system.errors import InputError
from encnet.system.memory import keep_freed_memory
from encnet.training.precision import cpu_computes_bf16

WAYS: dict[str, tuple[str, ...]] = {
    "encnet": (),
    "encnet, recompute": ("recompute",),
    "encnet, compiled": ("compiled",),
    "encnet bf16": ("bf16",),
    "encnet bf16, recompute": ("bf16", "recompute"),
    "encnet bf16, compiled": ("bf16", "compiled"),
}
"""Ways of training, and their traits: bf16 by autocast, stages that are recomputed, ``torch.compile``."""

PASSES = 3
"""Arithmetic of a step in forward passes: each product has two derivatives of the same number of operations."""

RECOMPUTED_STAGES = 4
"""Stages of the backbone that are recomputed: all."""


@dataclass(frozen=True)
class Step(PreparedForm):
    """A training step of a variant as in ``encnet train``: channels last, the loss computed by blocks of pixels."""

    variant: str = "encnet_resnet50"
    classes: int = 150
    recompute: bool = False
    compiled: bool = False

    def network(self) -> EncNet:
        """Builds the network that is trained."""
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
        if self.compiled:  # measure a step after the first, in which it compiles
            return memory_of_run(self.prepare, (shape,), small=None)
        return super().memory(shape)


@dataclass(frozen=True)
class PlainStep(Step):
    """A step of the same network without any optimisation: PyTorch's own convolutions and layout, and the scores of all
    classes upsampled to the size of the image before the loss."""

    def prepare(self, shape: Shape) -> Callable[[], object]:
        keep_freed_memory()
        torch.manual_seed(0)
        network: Any = plain(self.network()).train()
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


def step_forms(variant: str, classes: int, ways: Sequence[str]) -> list[Form]:
    """Returns the forms of this package's own steps.

    Raises:
        InputError: a way is unknown.
    """
    unknown = [way for way in ways if way not in WAYS]
    if unknown:
        raise InputError(f"there is no way {unknown[0]!r} of training; choose of: {'; '.join(WAYS)}", "ways")
    forms: list[Form] = []
    for way in ways:
        traits = WAYS[way]
        if "bf16" not in traits or cpu_computes_bf16():
            precision = "bf16" if "bf16" in traits else "fp32"
            forms.append(Step(way, precision, variant, classes, "recompute" in traits, "compiled" in traits))
    return forms


def sgd_step(network: nn.Module, total: Callable[[], Tensor], rate: float = 0.01) -> Callable[[], None]:
    """Returns a step of SGD that lowers a loss."""
    optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        total().backward()
        optimizer.step()

    return step


def plain_loss(output: EncNetOutput, labels: Tensor, classes: int, presence_loss: str = "bce") -> Tensor:
    """The training loss (paper, section 3.2), term by term, on logits of the size of the labels."""
    total = F.cross_entropy(output.logits, labels)
    if output.aux_logits is not None:
        total = total + 0.4 * F.cross_entropy(output.aux_logits, labels)
    if output.presence is not None:
        compare_presence = F.binary_cross_entropy_with_logits if presence_loss == "bce" else F.mse_loss
        total = total + 0.2 * compare_presence(output.presence, presence_targets(labels, classes))
    return total


def random_batch(shape: Shape, classes: int, layout: torch.memory_format) -> tuple[Tensor, Tensor]:
    """Random normalised images (B, 3, H, W) and label maps (B, H, W)."""
    images = torch.randn(shape[0], 3, *shape[1:]).contiguous(memory_format=layout)
    return images, torch.randint(0, classes, shape)
