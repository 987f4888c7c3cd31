"""Folds batch norms into the convolutions before them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from encnet.kernels.exchange import Network, is_watched
from encnet.system.timm import BatchNormAct2d


def fold_batch_norm(network: Network, example: Tensor) -> Network:
    """Folds each batch norm of a network in eval mode into the convolution before it, in place::

        BN(W x + b) = g (W x + b - μ) + β = (g W) x + (g (b - μ) + β),   g = γ / √(σ² + ε)

    One forward pass of an example finds the pairs: a batch norm and the convolution whose output it reads, if nothing
    else reads that output and both run once. All other batch norms stay. The output of the network changes by rounding
    only.

    Args:
        network: a network in eval mode.
        example: an input of the network, a small image (1, C, H, W) for example.

    Returns:
        The network.
    """
    with torch.no_grad(), _Recorder() as recorder:
        network(example)
    convs = {id(module.weight): module for module in network.modules() if isinstance(module, nn.Conv2d)}
    norms = {
        id(module.running_mean): (path, module)
        for path, module in network.named_modules()
        if isinstance(module, _BatchNorm) and type(module) in _REMAINDERS and not is_watched(module)
    }
    for weight, running_mean in recorder.pairs():
        if weight in convs and running_mean in norms and not is_watched(convs[weight]):
            path, norm = norms[running_mean]
            conv = convs[weight]
            assert norm.running_mean is not None and norm.running_var is not None
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            network.set_submodule(path, _REMAINDERS[type(norm)](norm).eval())
    return network


_REMAINDERS: Mapping[type, Callable[[Any], nn.Module]] = {
    nn.BatchNorm2d: lambda norm: nn.Identity(),
    nn.SyncBatchNorm: lambda norm: nn.Identity(),
    BatchNormAct2d: lambda norm: norm.act,
}
"""Class of a batch norm -> function that returns what is left of it after folding."""


class _Call(NamedTuple):
    """One call of a convolution or a batch norm; modules are identified by the ids of their tensors."""

    tensor: int  #: id of the convolution's weight, or of the batch norm's running mean
    features: Tensor  #: output of the convolution, or input of the batch norm


class _Recorder(TorchFunctionMode):
    """Records the outputs of convolutions, the inputs of batch norms, and how many calls read each tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.convs: list[_Call] = []
        self.norms: list[_Call] = []
        self.readers: Counter[int] = Counter()
        self.kept: list[Tensor] = []  # ids are unique only while their tensors are alive

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        returned = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if returned:  # calls that return no tensor, for a shape for example, read no values
            read = {id(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
            self.readers.update(read)
            self.kept += returned
        if func == F.conv2d:
            self.convs.append(_Call(id(_argument(args, kwargs, 1, "weight")), result))
        elif func is F.batch_norm:
            self.norms.append(_Call(id(_argument(args, kwargs, 1, "running_mean")), args[0]))
        return result

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yields the ids of weight and running mean of each convolution and batch norm that can be folded."""
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
