"""PyTorch as an engine: a network prepared for inference, as it is or compiled; and programs of ``torch.export``."""

from __future__ import annotations

import copy
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from encnet.errors import InputError
from encnet.inference.engines.description import METADATA_KEY, Description
from encnet.inference.engines.engine import Precision, Scores, require_file
from encnet.inference.engines.fast_conv import use_sub_grids, use_winograd
from encnet.inference.engines.folding import fold_batch_norm
from encnet.inference.preprocessing import Preprocessing
from encnet.model.encnet import EncNet
from encnet.model.fullres import FullResolutionHead
from encnet.model.heads import HeadOutput

_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


class PyTorchEngine:
    """Runs a copy of a model that is prepared for inference, and leaves the model as it is.

    Batch norms are folded into convolutions, what only training needs is left out, the memory layout is channels last.
    On the CPU, in float32, wide 3x3 convolutions take a quarter of their multiplications.
    In half precision the weights of convolutions are stored in it; the Encoding layer, and what is computed from the
    encoded semantics, stay in float32.

    Args:
        model: in any mode, on any device.
        device: "cpu", "cuda", "cuda:1", ...; "auto" is the GPU if there is one.
        precision: "fp32", "bf16", or on a GPU "fp16".
        compiled: run the network through ``torch.compile``. The first image of each size waits for the compiler, half a
            minute or more; after eight sizes those of further ones run as they are. One compilation for all sizes
            would take the compiler a quarter of an hour for some networks.

    Attributes:
        network: what is run, an EncNet, which takes what :meth:`normalised` gives.

    Raises:
        InputError: the device or the precision cannot be used; or, with the first images, the network cannot be
            compiled.
    """

    def __init__(
        self, model: EncNet, device: str | torch.device = "auto", precision: Precision = "fp32", compiled: bool = False
    ) -> None:
        self.description = Description.of(model)
        self._device = torch_device(device)
        _check_precision(precision, self._device)
        self.name = "compile" if compiled else "pytorch"
        self.device = str(self._device)
        self.precision: str = precision
        self.preprocessing = Preprocessing.of(model.info)
        network = copy.deepcopy(model).eval().requires_grad_(False)
        network.aux_head = network.stage3_head = None
        fold_batch_norm(network)
        if self._device.type == "cpu" and precision == "fp32":
            use_winograd(network)
            use_sub_grids(network)
        self._half = _HALF.get(precision)
        # The full-resolution head computes with weights of several layers at once: it is left to autocast.
        self._by_autocast = self._half is not None and isinstance(network.head, FullResolutionHead)
        if self._half is not None and not self._by_autocast:
            _store_in(network, self._half)
        self.network: EncNet = network.to(self._device).to(memory_format=torch.channels_last)
        if compiled:
            network.compile(dynamic=False)

    def __call__(self, images: np.ndarray) -> Scores:
        """Runs the network, see :class:`encnet.inference.engines.engine.Engine`; tensors on the device."""
        with self.computing():
            output = self.network(self.normalised(images), full_size=False)
            presence = output.presence
            if presence is not None:
                presence = self.network.presence_probabilities(presence)
            return Scores(output.logits.float(), presence)

    def normalised(self, images: np.ndarray) -> Tensor:
        """Images, uint8 (B, H, W, 3), as the network takes them: float32 (B, 3, H, W), channels last, on the device."""
        pixels = tensor_of(images).to(self._device).permute(0, 3, 1, 2)
        return self.preprocessing.normalised(pixels).contiguous(memory_format=torch.channels_last)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """The context in which the network is run.

        Raises:
            InputError: inside, the network cannot be compiled.
        """
        try:
            with torch.inference_mode(), torch.autocast(self._device.type, self._half, enabled=self._by_autocast):
                yield
        except Exception as error:
            if self.name != "compile" or not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            raise InputError(
                f"torch.compile cannot compile the network ({_first_line(error)}); install a C++ compiler, which it"
                " needs, or take --engine pytorch"
            ) from error


class ExportedProgramEngine:
    """Runs a .pt2 file that ``encnet export`` wrote, on the CPU.

    Such a file is a program: reading it executes what it says, so read only files that you trust.

    Args:
        path: of the file.
        precision: "fp32", or "bf16" by autocast.

    Raises:
        InputError: the file is missing, damaged, or not one of ours, or the precision cannot be used.
    """

    name = "torch.export"
    device = "cpu"

    def __init__(self, path: str | os.PathLike[str], precision: Precision = "fp32") -> None:
        _check_precision(precision, torch.device("cpu"))
        self.path = require_file(path)
        self.precision: str = precision
        self.description = Description.from_json(_metadata(self.path), path)
        try:
            self._program: Any = torch.export.load(path).module()
        except Exception as error:
            raise InputError(
                f"{path} cannot be read by torch.export ({_first_line(error)}); write it again with `encnet export`"
            ) from error

    def __call__(self, images: np.ndarray) -> Scores:
        """Runs the network, see :class:`encnet.inference.engines.engine.Engine`; tensors on the CPU."""
        half = self.precision == "bf16"
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            outputs = self._program(tensor_of(images))
        return Scores(outputs["logits"], outputs.get("presence"))


def torch_device(name: str | torch.device) -> torch.device:
    """The device of a name; "auto" is the GPU if there is one.

    Raises:
        InputError: there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the device {str(name)!r} cannot be used ({reason}); choose auto, cpu or cuda") from error
    return device


def tensor_of(images: np.ndarray) -> Tensor:
    """The array as a tensor, which shares its memory where the array may be written to."""
    return torch.from_numpy(images if images.flags.writeable else images.copy())


def _check_precision(precision: str, device: torch.device) -> None:
    if precision == "fp16" and device.type == "cpu":
        raise InputError("the precision fp16 needs a GPU; choose bf16 or fp32")


def _store_in(network: EncNet, dtype: torch.dtype) -> None:
    """Converts the weights of an EncNet, but for what stays in float32; images and logits remain float32."""
    network.backbone.to(dtype)
    if network.neck is not None:
        network.neck.to(dtype)
    for module in network.modules():
        if isinstance(module, _BatchNorm):  # one that could not be folded takes features of either type
            module.float()
        elif isinstance(module, nn.Conv2d):
            module.to(dtype)
    network.backbone.register_forward_pre_hook(lambda module, inputs: (inputs[0].to(dtype),))
    network.head.register_forward_hook(lambda module, inputs, output: HeadOutput(output[0].float(), output[1]))


def _metadata(path: Path) -> str:
    """What `encnet export` wrote into a .pt2 file, a zip archive, read without PyTorch's reader."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(f"/extra/{METADATA_KEY}"):
                    return archive.read(name).decode("utf-8", errors="replace")
    raise InputError(f"{path} was not written by encnet; write it with `encnet export CHECKPOINT`")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
