"""The end of a run whose loss or weights are no longer finite: which step, which images, and the last good state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from encnet.system.errors import InputError
from encnet.system.text import counted
from encnet.training.datamodule import TrainingData
from encnet.training.state_files import LAST_STATE

_NAMED = 16
"""Images of a batch that the message names at most."""


def require_finite_loss(loss: torch.Tensor, trainer: pl.Trainer, step: int, folder: Path, saved: int | None) -> None:
    """Raises InputError if the loss of a batch is not finite.

    Args:
        loss: the loss, a scalar.
        trainer: the trainer of the run, whose data know the images of the batch.
        step: the step that the batch belongs to, counted from 0.
        folder: folder of the run.
        saved: step of the last state; None if there is none.
    """
    if not torch.isfinite(loss):
        raise _error(f"the loss became {loss.item()} at step {step}", trainer, folder, saved)


def require_finite_weights(trainer: pl.Trainer, folder: Path, saved: int | None) -> None:
    """Raises InputError if a weight or a statistic of the network is not finite; the arguments are as above.

    All processes have the same weights, so the first one looks, and the others end with it.
    """
    if not trainer.is_global_zero:
        return
    tensors = trainer.lightning_module.state_dict().values()
    finite = [torch.isfinite(tensor).all() for tensor in tensors if tensor.is_floating_point()]
    if not torch.stack(finite).all():
        raise _error(f"the weights are not finite after {counted(trainer.global_step, 'step')}", trainer, folder, saved)


def _error(what: str, trainer: pl.Trainer, folder: Path, saved: int | None) -> InputError:
    data: Any = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(data, TrainingData)
    names = data.names_of_batch()
    shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    good = f"the last good state is {folder / LAST_STATE}, step {saved}"
    state = "no state was saved before" if saved is None else good
    return InputError(
        f"{what} with the images {shown}; {state}; lower optimizer.lr, set optimizer.clip_norm, or use precision bf16 "
        "or fp32",
        argument="optimizer.lr",
    )
