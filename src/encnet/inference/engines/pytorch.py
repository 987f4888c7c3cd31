"""PyTorch as an engine: a network prepared for inference, optionally compiled."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from encnet.checkpoint.encnet import EncNet
from encnet.inference.engines.description import Description
from encnet.inference.engines.engine import Precision, Scores
from encnet.kernels.acceleration import accelerate_inference
from encnet.kernels.folding import fold_batch_norm
from encnet.system.errors import InputError, first_line
from encnet.system.text import quoted

_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


class PyTorchEngine:
    """Runs a copy of a model that is prepared for inference; the model itself does not change.

    Batch norms are folded into convolutions, the heads that only training needs are left out, and the memory layout is
    channels last. On the CPU, in float32, wide 3x3 convolutions need a quarter of the multiplications. In half
    precision the weights of convolutions are stored in that precision; the Encoding layer, and everything computed
    from the encoded semantics, stay in float32.

    Args:
        model: a model in any mode, on any device.
        device: "cpu", "cuda", "cuda:1", ...; "auto" is the GPU if there is one.
        precision: "fp32", "bf16", or on a GPU "fp16".
        compiled: run the network through ``torch.compile``. The first image of each size waits for the compiler, half a
            minute or more; after eight sizes, images of further sizes run without it. One compilation for all sizes
            would take a quarter of an hour for some networks.

    Attributes:
        network: the prepared EncNet; it takes the output of :meth:`normalised`.

    Raises:
        InputError: the device or the precision is not available; or, at the first image, the network cannot be
            compiled.
    """

    def __init__(
        self, model: EncNet, device: str | torch.device = "auto", precision: Precision = "fp32", compiled: bool = False
    ) -> None:
        self.description: Description = Description.of(model)
        self._device = torch_device(device)
        check_precision(precision, self._device)
        self.name: str = "compile" if compiled else "pytorch"
        self.device: str = str(self._device)
        self.precision: str = precision
        network = copy.deepcopy(model).eval().requires_grad_(False)
        network.aux_head = network.stage3_head = None
        fold_batch_norm(network, network.example())
        if self._device.type == "cpu" and precision == "fp32":
            accelerate_inference(network)
        self._half = _HALF.get(precision)
        self._by_autocast = self._half is not None and network.head.needs_autocast
        if self._half is not None and not self._by_autocast:
            _store_in(network, self._half)
        self.network: EncNet = network.to(self._device).to(memory_format=torch.channels_last)
        if compiled:
            network.compile(dynamic=False)

    def __call__(self, images: np.ndarray) -> Scores:
        """Runs the network; see :class:`encnet.inference.engines.engine.Engine`. Returns tensors on the device."""
        with self.computing():
            output = self.network(self.normalised(images), full_size=False)
            presence = output.presence
            if presence is not None:
                presence = self.network.presence_probabilities(presence)
            return Scores(output.logits.float(), presence)

    def normalised(self, images: np.ndarray) -> Tensor:
        """Images, uint8 (B, H, W, C), as input of the network: float32 (B, C, H, W), channels last, on the device."""
        pixels = tensor_of(images).to(self._device).permute(0, 3, 1, 2)
        return self.network.normalised(pixels).contiguous(memory_format=torch.channels_last)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Context manager in which the network runs: inference mode, and autocast where needed.

        Raises:
            InputError: the network cannot be compiled.
        """
        try:
            with torch.inference_mode(), torch.autocast(self._device.type, self._half, enabled=self._by_autocast):
                yield
        except Exception as error:
            if self.name != "compile" or not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            raise InputError(
                f"torch.compile cannot compile the network ({first_line(error)}); install the C++ compiler that it"
                " needs, or choose pytorch",
                "engine",
            ) from error


def torch_device(name: str | torch.device) -> torch.device:
    """The device with a name; "auto" is the GPU if there is one.

    Raises:
        InputError: there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # fails on "meta", whose tensors have no values
    except Exception as error:  # of a device whose library is missing, ImportError too
        raise InputError(
            f"the device {quoted(name)} cannot be used ({first_line(error)}); choose auto, cpu or cuda", "device"
        ) from error
    return device


def tensor_of(images: np.ndarray) -> Tensor:
    """The array as a tensor; it shares the memory of a writeable array, and copies a read-only one."""
    return torch.from_numpy(images if images.flags.writeable else images.copy())


def check_precision(precision: str, device: torch.device) -> None:
    """Raises InputError if a device does not compute in a number format."""
    if precision == "fp16" and device.type == "cpu":
        raise InputError("the precision fp16 needs a GPU; choose bf16 or fp32", "precision")


def _store_in(network: EncNet, dtype: torch.dtype) -> None:
    """Converts the weights of backbone, neck and convolutions to a dtype; images and logits remain float32."""
    network.backbone.to(dtype)
    if network.neck is not None:
        network.neck.to(dtype)
    for module in network.modules():
        if isinstance(
            module, _BatchNorm
        ):  # a batch norm that could not be folded; in float32 it takes features of either dtype
            module.float()
        elif isinstance(module, nn.Conv2d):
            module.to(dtype)
    network.backbone.register_forward_pre_hook(lambda module, inputs: (inputs[0].to(dtype),))
