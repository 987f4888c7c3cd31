"""From images to segmentations: the model, its preprocessing, the protocol and the device in one object."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from encnet.data.images import read_image
from encnet.data.labels import Color, distinct_palette
from encnet.errors import InputError
from encnet.inference.preprocessing import Preprocessing, rgb_image
from encnet.inference.protocol import Protocol, named_protocol
from encnet.inference.segmentation import Segmentation
from encnet.inference.tiling import segment
from encnet.model.encnet import EncNet
from encnet.model.loading import load

ImageInput = str | os.PathLike[str] | Image.Image | np.ndarray
Precision = Literal["fp32", "bf16", "fp16"]
_Opened = tuple[Image.Image, Path | None]
_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Predictor:
    """Predicts images at their own size.

    Args:
        model: a model, or what ``encnet.load`` takes: the path of a checkpoint or a repository of the hub. A model is
            used in place: it is put into eval mode and moved to the device.
        protocol: how the model is run over an image, or the name of a protocol. What it leaves to the model, see
            :meth:`Protocol.for_model`, is filled in.
        device: "cpu", "cuda", "cuda:1", ...; "auto" is the GPU if there is one.
        precision: "fp32", or "bf16" or "fp16" by autocast.

    Raises:
        InputError: the checkpoint, the protocol, the device or the precision cannot be used.
    """

    def __init__(
        self,
        model: EncNet | str | os.PathLike[str],
        protocol: Protocol | str = "plain",
        device: str | torch.device = "auto",
        precision: Precision = "fp32",
    ) -> None:
        if precision != "fp32" and precision not in _AUTOCAST:
            raise InputError(f"the precision is {precision!r}; it must be fp32, bf16 or fp16")
        self.device = _device(device)
        self.source = str(model) if isinstance(model, str | os.PathLike) else None
        self.model = load(model) if isinstance(model, str | os.PathLike) else model
        self.model.eval().to(self.device).to(memory_format=torch.channels_last)
        self.precision: Precision = precision
        info, classes = self.model.info, self.model.num_classes
        if len(info.classes) not in (0, classes) or len(info.palette) not in (0, classes):
            raise InputError(
                f"the model has {classes} classes, but names {len(info.classes)} and colours {len(info.palette)};"
                " correct model.info.classes and model.info.palette"
            )
        protocol = named_protocol(protocol) if isinstance(protocol, str) else protocol
        self.protocol = protocol.for_model(info)
        self.preprocessing = Preprocessing.of(info)
        if self.protocol.long_side is not None or self.protocol.short_side is not None:
            self.preprocessing = replace(self.preprocessing, long_side=None)  # the protocol resizes the image itself
        self.names: tuple[str, ...] = tuple(info.classes) or tuple(f"class {i}" for i in range(classes))
        self.palette: tuple[Color, ...] = tuple((r, g, b) for r, g, b in info.palette) or distinct_palette(classes)

    def __call__(self, image: ImageInput) -> Segmentation:
        """Predicts one image.

        Args:
            image: a path, a PIL image, or a uint8 RGB array (H, W, 3).

        Raises:
            InputError: the file cannot be read, or the image has another type or shape.
        """
        return self.batch([image])[0]

    def batch(self, images: Sequence[ImageInput]) -> list[Segmentation]:
        """Predicts images of any sizes, those of one size together.

        Images are never padded to a common size: the context encoding sums over all pixels, and padding would change
        it. Each result is that of the image alone.

        Raises:
            InputError: as for one image.
        """
        opened = [_open(image) for image in images]
        groups: dict[tuple[int, int], list[int]] = {}
        for index, (image, _) in enumerate(opened):
            groups.setdefault(image.size, []).append(index)
        results: dict[int, Segmentation] = {}
        for indices in groups.values():
            results.update(zip(indices, self._predict([opened[index] for index in indices]), strict=True))
        return [results[index] for index in range(len(opened))]

    def stream(
        self,
        images: Iterable[ImageInput],
        batch_size: int = 4,
        on_error: Callable[[InputError], None] | None = None,
    ) -> Iterator[Segmentation]:
        """Predicts any number of images in their order, holding one batch in memory.

        Args:
            images: as for one image.
            batch_size: most images in a batch; a batch also ends where the size of the images changes.
            on_error: called for an image that cannot be read, which is then left out; None raises the error.

        Raises:
            InputError: an image cannot be read, and there is no ``on_error``.
        """
        if batch_size < 1:
            raise InputError(f"the batch size is {batch_size}; it must be at least 1")
        waiting: list[_Opened] = []
        for image in images:
            try:
                opened = _open(image)
            except InputError as error:
                if on_error is None:
                    raise
                on_error(error)
                continue
            if waiting and (len(waiting) == batch_size or opened[0].size != waiting[0][0].size):
                yield from self._predict(waiting)
                waiting = []
            waiting.append(opened)
        if waiting:
            yield from self._predict(waiting)

    def probabilities(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Class probabilities of images of one size: what the other methods take the most probable class of.

        Args:
            images: uint8 (B, 3, H, W), RGB.

        Returns:
            Probabilities (B, classes, H, W), and (B, classes) that a class is in the image, or None; on the device.
        """
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, _AUTOCAST.get(self.precision), enabled=self.precision != "fp32"),
        ):
            pixels = self.preprocessing(images.to(self.device)).contiguous(memory_format=torch.channels_last)
            return segment(self.model, pixels, self.protocol, (images.shape[-2], images.shape[-1]))

    def _predict(self, opened: Sequence[_Opened]) -> list[Segmentation]:
        """Predicts images of one size."""
        probabilities, presence = self.probabilities(
            torch.stack([functional.pil_to_tensor(image) for image, _ in opened])
        )
        labels = probabilities.argmax(dim=1).to(torch.uint8).cpu().numpy()
        found = [None] * len(opened) if presence is None else presence.cpu().numpy()
        return [
            Segmentation(own_labels, own_presence, self.names, self.palette, image, path)
            for own_labels, own_presence, (image, path) in zip(labels, found, opened, strict=True)
        ]


def _open(image: ImageInput) -> _Opened:
    if isinstance(image, str | os.PathLike):
        return read_image(Path(image)), Path(image)
    return rgb_image(image), None


def _device(name: str | torch.device) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the device {str(name)!r} cannot be used ({reason}); choose auto, cpu or cuda") from error
    return device
