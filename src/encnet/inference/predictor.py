"""From images to segmentations: the engine, the preprocessing and the protocol in one object."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from encnet.data.labels import Color
from encnet.errors import InputError
from encnet.inference.engines import EngineName, Precision, open_engine
from encnet.inference.preprocessing import Preprocessing, pixels_of, rgb_image
from encnet.inference.protocol import Protocol, named_protocol
from encnet.inference.reading import ImageInput, OpenedImage, open_ahead, open_input
from encnet.inference.segmentation import Segmentation
from encnet.inference.single_pass import SinglePass

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from encnet.inference.context_memory import ContextMemory
    from encnet.inference.engines.pytorch import PyTorchEngine
    from encnet.model.encnet import EncNet


class Predictor:
    """Predicts images at their own size.

    Args:
        model: a model, of which a copy is used; what ``encnet.load`` takes, the path of a checkpoint or a repository of
            the hub; or a file that ``encnet export`` wrote.
        protocol: how the model is run over an image, or the name of a protocol. What it leaves to the model, see
            :meth:`Protocol.for_model`, is filled in. Exported models see the image once, as in "plain".
        device: "cpu", "cuda", "cuda:1", ...; "auto" is the GPU if there is one.
        precision: "fp32", "bf16", or on a GPU "fp16".
        engine: "pytorch", "compile" (PyTorch's compiler), "onnxruntime", "openvino", or "auto", by the file: see
            :func:`encnet.inference.engines.open_engine`.

    Raises:
        InputError: the model, the protocol, the device, the precision or the engine cannot be used.
    """

    def __init__(
        self,
        model: EncNet | str | os.PathLike[str],
        protocol: Protocol | str = "plain",
        device: str | torch.device = "auto",
        precision: Precision = "fp32",
        engine: EngineName = "auto",
    ) -> None:
        self.source = str(model) if isinstance(model, str | os.PathLike) else None
        protocol = named_protocol(protocol) if isinstance(protocol, str) else protocol
        self.engine = open_engine(model, engine, device, precision)
        self.description = self.engine.description
        self.protocol = protocol.for_model(self.description.info)
        if not self.protocol.single_pass:
            self.require_pytorch(f"the protocol {self.protocol.name}, as it is set, takes")
        self.preprocessing = Preprocessing.of(self.description.info)
        if self.protocol.long_side is not None or self.protocol.short_side is not None:
            self.preprocessing = replace(self.preprocessing, long_side=None)  # the protocol resizes the image itself
        self.single_pass = SinglePass(self.engine, self.protocol, self.require_pytorch)
        self.names: tuple[str, ...] = self.description.names
        self.palette: tuple[Color, ...] = self.description.palette

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
        opened = [open_input(image, self.preprocessing) for image in images]
        groups: dict[tuple[int, int], list[int]] = {}
        for index, each in enumerate(opened):
            groups.setdefault(each.image.size, []).append(index)
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
        """Predicts any number of images in their order, holding two batches in memory.

        While one batch is predicted, a thread reads the files of the next.

        Args:
            images: as for one image.
            batch_size: most images in a batch; a batch also ends where the size of the images changes.
            on_error: called for an image that cannot be read, which is then left out; None raises the error.

        Raises:
            InputError: an image cannot be read, and there is no ``on_error``.
        """
        if batch_size < 1:
            raise InputError(f"the batch size is {batch_size}; it must be at least 1")
        waiting: list[OpenedImage] = []
        with closing(open_ahead(images, self.preprocessing, ahead=batch_size)) as futures:
            for future in futures:
                try:
                    opened = future.result()
                except InputError as error:
                    if on_error is None:
                        raise
                    on_error(error)
                    continue
                if waiting and (len(waiting) == batch_size or opened.image.size != waiting[0].image.size):
                    yield from self._predict(waiting)
                    waiting = []
                waiting.append(opened)
            if waiting:
                yield from self._predict(waiting)

    def labels(self, images: np.ndarray, memory: ContextMemory | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """The most probable class of every pixel of images of one size, by the protocol.

        Args:
            images: uint8 (B, H, W, 3), RGB.
            memory: for images that follow each other in a video: averages the context over time.

        Returns:
            Class indices (B, H, W) uint8, and (B, classes) float32: the probability, 0-1, that each class is in the
            image, or None if the model does not say.

        Raises:
            InputError: with a memory, the model has no context encoding or does not run in PyTorch, or the protocol
                has more than one look at the image.
        """
        if memory is not None:
            self.require_context()
        return self._labels(self._seen(images), images.shape[1:3], memory)

    def require_context(self) -> PyTorchEngine:
        """The engine, of which the context encoding can be taken out and replaced.

        Raises:
            InputError: the model has no context encoding or does not run in PyTorch, or the protocol has more than one
                look at the image.
        """
        engine = self.require_pytorch("a context beyond that of a single image takes", "leave out the context memory")
        if engine.network.head.context is None:
            raise InputError(f"{self.description.info.variant} has no context encoding; take a model that has one")
        if not self._once:
            raise InputError(
                f"the protocol {self.protocol.name} has several contexts for an image; take plain or tiled, which have"
                " one"
            )
        return engine

    def probabilities(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Class probabilities of images of one size, which the labels are the greatest of.

        They take much more memory than labels: 4 bytes for each class and pixel.

        Args:
            images: uint8 (B, 3, H, W), RGB.

        Returns:
            Probabilities (B, classes, H, W), and (B, classes) that a class is in the image, or None; on the device.

        Raises:
            InputError: the model does not run in PyTorch.
        """
        pixels = images.permute(0, 2, 3, 1).cpu().numpy()
        return self._probabilities(self._seen(pixels), pixels.shape[1:3])

    def _labels(
        self, seen: np.ndarray, size: tuple[int, ...], memory: ContextMemory | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """:meth:`labels` of the given size, (H, W), from the images as the network sees them."""
        if self._once or memory is not None:
            labels, presence = self.single_pass.labels(seen, size, memory)
        else:
            probabilities, presence = self._probabilities(seen, size)
            labels = probabilities.argmax(dim=1).byte()
        return _array(labels), None if presence is None else _array(presence)

    def _probabilities(self, seen: np.ndarray, size: tuple[int, ...]) -> tuple[Tensor, Tensor | None]:
        if self._once:
            return self.single_pass.probabilities(seen, size)
        from encnet.inference.tiling import segment

        engine = self.require_pytorch("class probabilities take")
        with engine.computing():
            return segment(engine.network, engine.normalised(seen), self.protocol, (size[0], size[1]))

    @property
    def _once(self) -> bool:
        """Whether the protocol sees each image once."""
        return self.protocol.single_pass or self.protocol.mode == "tiled"

    def _predict(self, opened: Sequence[OpenedImage]) -> list[Segmentation]:
        """Predicts images of one size."""
        first = opened[0].image
        labels, presence = self._labels(pixels_of([each.seen for each in opened]), (first.height, first.width))
        found = [None] * len(opened) if presence is None else presence
        return [
            Segmentation(own_labels, own_presence, self.names, self.palette, each.image, each.path)
            for own_labels, own_presence, each in zip(labels, found, opened, strict=True)
        ]

    def _seen(self, images: np.ndarray) -> np.ndarray:
        """What the network sees of images, both uint8 (B, H, W, 3)."""
        if self.preprocessing.long_side in (None, max(images.shape[1:3])):
            return images
        return pixels_of([self.preprocessing.resized(rgb_image(image)) for image in images])

    def require_pytorch(self, what: str, instead: str = "take the protocol plain") -> PyTorchEngine:
        """The engine, of which parts can be run, where it is PyTorch.

        Args:
            what: needs it, for the message.
            instead: what else can be done, for the message.

        Raises:
            InputError: it is another engine.
        """
        if self.engine.name not in ("pytorch", "compile"):
            raise InputError(
                f"{what} PyTorch and a checkpoint, but {self.source} runs in {self.engine.name}; give the"
                f" checkpoint that it was exported from, or {instead}"
            )
        return cast("PyTorchEngine", self.engine)


def _array(values: np.ndarray | Tensor) -> np.ndarray:
    return np.ascontiguousarray(values if isinstance(values, np.ndarray) else values.cpu().numpy())
