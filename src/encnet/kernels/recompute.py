"""Stages whose inner features training computes twice instead of keeping them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


class RecomputedStage(nn.Sequential):
    """A stage that keeps only its input, and computes the rest again when the derivative needs it.

    The first two stages of a ResNet-50 have a third of the features that its training keeps, and a tenth of its
    multiplications. Values, derivatives and running statistics equal those of the plain stage.

    Args:
        stage: a sequence of blocks; this stage takes them over under the same names.
    """

    def __init__(self, stage: nn.Sequential) -> None:
        super().__init__(OrderedDict(stage.named_children()))

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or not torch.is_grad_enabled():
            return super().forward(input)
        return checkpoint(
            super().forward, input, use_reentrant=False, context_fn=lambda: (nullcontext(), self._second_pass())
        )

    @contextmanager
    def _second_pass(self) -> Iterator[None]:
        """Inside, batch norms leave their running statistics alone: the first pass has updated them."""
        norms = [module for module in self.modules() if isinstance(module, _BatchNorm)]
        before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
        for norm in norms:  # track_running_stats stays: both passes must save the same tensors
            norm.momentum, norm.num_batches_tracked = 0.0, None
        try:
            yield
        finally:
            for norm, momentum, batches in before:
                norm.momentum, norm.num_batches_tracked = momentum, batches
