"""The memory that a training step needs at least, compared with what is free before any of it is asked for."""

from __future__ import annotations

import math

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from encnet.checkpoint.fit import network_tensors
from encnet.model.build import build_parts
from encnet.model.info import ModelInfo
from encnet.model.network import Network
from encnet.model.options import ModelOptions
from encnet.model.variants import variant_options
from encnet.system.errors import InputError
from encnet.system.memory import free_memory
from encnet.training.config import TrainConfig

_COPIES = 3
"""Weights, their gradient, and at least one moment of the optimiser."""
_MOST_PER_PIXEL = 20_000
"""Bytes of features per pixel of a crop that the largest variants keep; below it nothing needs to be computed."""


def require_step_fits(config: TrainConfig, num_classes: int) -> None:
    """Refuses settings whose network or whose crops need more memory than is free on the device of the run.

    The features that a step keeps for the derivative are counted by a forward pass over tensors that have shapes, but
    no memory. A run from a checkpoint (``config.initial``) is not checked, as the checkpoint has the network, nor one
    that looks for its largest batch.

    Args:
        config: all settings.
        num_classes: number of classes of the data set.

    Raises:
        InputError: a step does not fit; the message says what would.
    """
    on_gpu = config.accelerator != "cpu" and torch.cuda.is_available()
    free = torch.cuda.mem_get_info()[0] if on_gpu else free_memory()
    if free is None or config.initial is not None or config.largest_batch:
        return
    options = variant_options(config.model.variant, **config.model.changes())
    weights = _COPIES * weight_bytes(options, num_classes)
    if weights > free:
        raise InputError(
            f"the network needs at least {_gigabytes(weights)} of memory with its gradient, and {_gigabytes(free)} are"
            f" free; choose smaller widths than head_channels {options.head_channels}, aux_channels"
            f" {options.aux_channels} and num_codes {options.num_codes}: 512, 256 and 32 are the paper's",
            "model.head_channels",
        )
    height, width = config.data.crop
    pixels = config.data.batch_size * height * width
    if weights + pixels * _MOST_PER_PIXEL <= free:
        return
    half = 1.0 if config.precision == "fp32" else 0.5
    image = half * feature_bytes(options, num_classes, height, width)
    need = weights + config.data.batch_size * image
    if need <= free:
        return
    batch = int((free - weights) / image)
    side = int(math.sqrt((free - weights) / image * height * width)) // 32 * 32
    fits = f"data.batch_size {batch} would fit" if batch >= 1 else f"one crop of {side} x {side} would fit"
    raise InputError(
        f"a step with data.batch_size {config.data.batch_size} and crops of {height} x {width} pixels needs at least"
        f" {_gigabytes(need)} of memory, and {_gigabytes(free)} are free; {fits}",
        "data.batch_size" if batch >= 1 else "data.crop",
    )


def weight_bytes(options: ModelOptions, num_classes: int) -> int:
    """Bytes of a network's weights in float32, without building it.

    Raises:
        InputError: there is no network with these options.
    """
    tensors = network_tensors("model", options, num_classes)
    return sum(4 * math.prod(tensor.shape) for tensor in tensors.values())


def feature_bytes(options: ModelOptions, num_classes: int, height: int, width: int) -> float:
    """Bytes that a forward pass over one image keeps for the derivative, in float32, without computing it."""
    # Batch norms need two images to train on. A large image is counted by one of a thousand pixels on a side: the bytes
    # are in proportion to the pixels.
    rows, columns = (min(max(side, 64), 1024) for side in (height, width))
    kept = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.nbytes
        return tensor

    try:
        with FakeTensorMode():
            parts, info = build_parts(options, num_classes), ModelInfo("", {}, [0.0] * options.in_channels, [1.0])
            network = Network(parts, options.align_corners, options.presence_loss, info).train()
            with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
                network(torch.empty(2, options.in_channels, rows, columns), full_size=False)
    except Exception:  # a part of somebody else's, which runs on real tensors only: its features are not counted
        return 0.0
    kept -= sum(tensor.nbytes for tensor in network.parameters())  # saved too, and counted as weights
    return max(kept, 0) / 2 * (height * width) / (rows * columns)


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.3g} GB" if size < 1e15 else f"{size / 1e9:.0e} GB"
