"""Batch norms folded into the convolutions before them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from encnet.model.encnet import EncNet

_SIDE = 32  # pixels of the image that goes through the network


def fold_batch_norm(network: EncNet) -> EncNet:
    """Folds each batch norm of a network in eval mode into the convolution whose output it reads, in place::

        BN(W x + b) = g (W x + b - μ) + β = (g W) x + (g (b - μ) + β),   g = γ / √(σ² + ε)

    Which convolution that is, one forward pass of a small image shows: the one whose output the batch norm is given,
    if nothing else reads that output and both run once. All other batch norms stay. What the network computes changes
    by rounding only.

    Args:
        network: in eval mode.

    Returns:
        the network.
    """
    weight = next(network.parameters())
    with torch.no_grad(), _Recorder() as recorder:
        network(torch.zeros(1, len(network.info.mean), _SIDE, _SIDE, dtype=weight.dtype, device=weight.device))
    convs = {id(module.weight): module for module in network.modules() if isinstance(module, nn.Conv2d)}
    norms = {
        id(module.running_mean): (path, module)
        for path, module in network.named_modules()
        if isinstance(module, _BatchNorm) and type(module) in _REMAINDERS and not is_hooked(module)
    }
    for weight, running_mean in recorder.pairs():
        if weight in convs and running_mean in norms and not is_hooked(convs[weight]):
            path, norm = norms[running_mean]
            conv = convs[weight]
            assert norm.running_mean is not None and norm.running_var is not None
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            network.set_submodule(path, _REMAINDERS[type(norm)](norm).eval())
    return network


def is_hooked(module: nn.Module) -> bool:
    """Whether somebody wants to see what goes through the module."""
    return bool(module._forward_hooks or module._forward_pre_hooks)


_REMAINDERS: Mapping[type, Callable[[Any], nn.Module]] = {
    nn.BatchNorm2d: lambda norm: nn.Identity(),
    nn.SyncBatchNorm: lambda norm: nn.Identity(),
    BatchNormAct2d: lambda norm: norm.act,
}
"""Kinds of batch norm -> what is left of one when it is folded."""


class _Call(NamedTuple):
    """A convolution or batch norm that ran; modules are known by the ids of their tensors."""

    tensor: int  #: the weight of the convolution, the running mean of the batch norm
    features: Tensor  #: the output of the convolution, the input of the batch norm


class _Recorder(TorchFunctionMode):
    """Notes what convolutions return, what batch norms are given, and how many calls read each tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.convs: list[_Call] = []
        self.norms: list[_Call] = []
        self.readers: Counter[int] = Counter()
        self.kept: list[Tensor] = []  # an id stays that of its tensor while the tensor lives

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        returned = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if returned:  # asking a tensor for its shape reads none of its values
            read = {id(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
            self.readers.update(read)
            self.kept += returned
        if func == F.conv2d:
            self.convs.append(_Call(id(_argument(args, kwargs, 1, "weight")), result))
        elif func is F.batch_norm:
            self.norms.append(_Call(id(_argument(args, kwargs, 1, "running_mean")), args[0]))
        return result

    def pairs(self) -> Iterator[tuple[int, int]]:
        """The ids of weight and running mean of each convolution and batch norm that can be one."""
        conv_calls, norm_calls = (Counter(call.tensor for call in calls) for calls in (self.convs, self.norms))
        conv_of = {id(call.features): call for call in self.convs}
        for norm in self.norms:
            conv = conv_of.get(id(norm.features))
            if conv is None or self.readers[id(norm.features)] > 1:
                continue
            if conv_calls[conv.tensor] == norm_calls[norm.tensor] == 1:
                yield conv.tensor, norm.tensor


def _argument(args: tuple[Any, ...], kwargs: Mapping[str, Any] | None, position: int, name: str) -> Any:
    return args[position] if len(args) > position else (kwargs or {}).get(name)
