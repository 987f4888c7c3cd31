"""Stages whose inner features training computes twice, instead of keeping them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recompute(stage: nn.Module) -> None:
    """Lets a stage keep its input only, and compute the rest again when the derivative needs it; weights stay.

    The first two stages of a ResNet-50 have a third of the features that its training keeps, and a tenth of its
    multiplications. Values, derivatives and running statistics are those of the plain stage.

    Args:
        stage: an ``nn.Sequential`` of blocks, changed in place.
    """
    assert type(stage) is nn.Sequential
    stage.__class__ = RecomputedStage


class RecomputedStage(nn.Sequential):
    """What :func:`recompute` makes of a stage."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or not torch.is_grad_enabled():
            return super().forward(input)
        return checkpoint(
            super().forward, input, use_reentrant=False, context_fn=lambda: (nullcontext(), self._again())
        )

    @contextmanager
    def _again(self) -> Iterator[None]:
        """Batch norms that leave their running statistics alone: the first time has moved them."""
        norms = [module for module in self.modules() if isinstance(module, _BatchNorm)]
        before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
        for norm in norms:  # still tracking, as what the first time has kept is what this time has to keep
            norm.momentum, norm.num_batches_tracked = 0.0, None
        try:
            yield
        finally:
            for norm, momentum, batches in before:
                norm.momentum, norm.num_batches_tracked = momentum, batches
