"""Sums over training processes, so that several processes minimise the loss of their batches taken as one.

A process divides by the number of labelled pixels of all processes. If each divided by its own number, a pixel of the
process with few of them would count more than one of the others, and two processes would not learn what one learns.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def training_processes() -> int:
    """Returns the number of processes whose gradients are averaged; 1 where no gradient is computed."""
    together = dist.is_available() and dist.is_initialized() and torch.is_grad_enabled()
    return dist.get_world_size() if together else 1


def sum_over_processes(tensor: Tensor) -> Tensor:
    """Returns the sum of the tensors that all training processes give; it has derivatives.

    All of them must call it, equally often: each waits for the others.
    """
    return tensor if training_processes() == 1 else _Sum.apply(tensor)  # pyright: ignore[reportReturnType]


def mean_over_processes(tensor: Tensor) -> Tensor:
    """Returns the mean of the tensors that all training processes give.

    Gradients are averaged over the processes. So the terms of one process, divided by the mean of what each would
    divide by, give the gradient of the mean over the terms of all.
    """
    return sum_over_processes(tensor) / training_processes()


def smallest_of_processes(values: Tensor, place: int) -> Tensor:
    """Returns the ``place``-th smallest, from 1, of the values that all training processes give; a scalar.

    Args:
        values: (n,) float; n may differ between processes.
        place: the same in all processes, at most the number of values of all of them.
    """
    processes = training_processes()
    if processes == 1:
        return values.kthvalue(place).values
    most = torch.tensor(min(place, len(values)), device=values.device)
    dist.all_reduce(most, op=dist.ReduceOp.MAX)
    own = values.topk(min(place, len(values)), largest=False).values
    smallest = values.new_full((int(most),), torch.inf)  # gathering needs the same length in all processes
    smallest[: len(own)] = own
    gathered = [torch.empty_like(smallest) for _ in range(processes)]
    dist.all_gather(gathered, smallest)
    return torch.cat(gathered).kthvalue(place).values


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        total = tensor.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        total = grad_output.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total
