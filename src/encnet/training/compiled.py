"""Training with ``torch.compile``."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from encnet.kernels.recompute import RecomputedStage
from encnet.system.errors import InputError, first_line
from encnet.training.module import TrainingModule


class CompiledSteps(pl.Callback):
    """Compiles the network for training steps, and runs it uncompiled in validation.

    Validation images differ in size, and each size would be compiled again. Parameters, their names and checkpoints
    stay the same.
    """

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        assert isinstance(pl_module, TrainingModule)
        if stage == "fit":
            pl_module.model.compile()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        torch.compiler.set_stance("force_eager")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        torch.compiler.set_stance("default")

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        torch.compiler.set_stance("default")


def check_compilable(model: nn.Module, device: torch.device) -> None:
    """Checks that a network can be compiled: compiles a few operations for a device and runs them.

    Args:
        model: the network to train.
        device: the device it is going to be trained on.

    Raises:
        InputError: PyTorch cannot compile on this machine, or the network has a part that cannot be compiled.
    """
    if any(isinstance(module, RecomputedStage) for module in model.modules()):
        raise InputError(
            "compile is true, but PyTorch cannot compile stages that are computed twice; set model.recompute_stages "
            "to 0, or compile to false",
            argument="compile",
        )
    try:
        compiled: Any = torch.compile(_operations)
        compiled(torch.ones(16, device=device))
    except Exception as error:  # from Dynamo, the backend or the compiler; they have no common class
        raise InputError(
            f"compile is true, but PyTorch cannot compile for {device.type} here ({first_line(error, 300)}); install "
            "a C++ compiler such as g++, and on a GPU Triton, or set compile to false",
            argument="compile",
        ) from error


def _operations(numbers: Tensor) -> Tensor:
    return (numbers.exp() + 1).log()
