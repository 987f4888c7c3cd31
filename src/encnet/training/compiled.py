"""Training steps of a compiled network."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from encnet.errors import InputError
from encnet.model.recompute import RecomputedStage
from encnet.training.module import TrainingModule


class CompiledSteps(pl.Callback):
    """Lets training run its network through ``torch.compile``, and validation run it as it is written.

    The images of a validation differ in size, and each size would be compiled anew. The module stays what it is:
    parameters, their names and checkpoints do not change.
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
    """Compiles a few operations for the device that ``model`` is going to be trained on, and runs them.

    Raises:
        InputError: that does not work here, or the network has a part that cannot be compiled; says why.
    """
    if any(isinstance(module, RecomputedStage) for module in model.modules()):
        raise InputError(
            "compile is true, but PyTorch cannot compile stages that are computed twice; set model.recompute_stages "
            "to 0, or compile to false"
        )
    try:
        compiled: Any = torch.compile(_operations)
        compiled(torch.ones(16, device=device))
    except Exception as error:  # Dynamo's, the backend's and the compiler's own, without a class in common
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"compile is true, but PyTorch cannot compile for {device.type} here ({reason}); install a C++ compiler "
            "such as g++, and on a GPU Triton, or set compile to false"
        ) from error


def _operations(numbers: Tensor) -> Tensor:
    return (numbers.exp() + 1).log()
