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
from encnet.inference.decide import most_probable
from encnet.inference.engines import EngineName, Precision, open_engine
from encnet.inference.preprocessing import Preprocessing, pixels_of, rgb_image
from encnet.inference.protocol import Protocol, named_protocol
from encnet.inference.reading import ImageInput, OpenedImage, open_ahead, open_input
from encnet.inference.segmentation import Segmentation

if TYPE_CHECKING:
    import torch
    from torch import Tensor

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
            self._pytorch(f"the protocol {self.protocol.name}, as it is set, takes")
        self.preprocessing = Preprocessing.of(self.description.info)
        if self.protocol.long_side is not None or self.protocol.short_side is not None:
            self.preprocessing = replace(self.preprocessing, long_side=None)  # the protocol resizes the image itself
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

    def labels(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """The most probable class of every pixel of images of one size, by the protocol.

        Args:
            images: uint8 (B, H, W, 3), RGB.

        Returns:
            Class indices (B, H, W) uint8, and (B, classes) float32: the probability, 0-1, that each class is in the
            image, or None if the model does not say.
        """
        return self._labels(self._seen(images), images.shape[1:3])

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

    def _labels(self, seen: np.ndarray, size: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray | None]:
        """:meth:`labels` of the given size, (H, W), from the images as the network sees them."""
        if self.protocol.single_pass:
            logits, presence = self.engine(seen)
            labels = most_probable(logits, (size[0], size[1]), self.description.align_corners)
        else:
            probabilities, presence = self._probabilities(seen, size)
            labels = probabilities.argmax(dim=1).byte()
        return _array(labels), None if presence is None else _array(presence)

    def _probabilities(self, seen: np.ndarray, size: tuple[int, ...]) -> tuple[Tensor, Tensor | None]:
        from encnet.inference.tiling import segment
        from encnet.model.heads import resize

        engine = self._pytorch("class probabilities take")
        if self.protocol.single_pass:
            logits, presence = cast("tuple[Tensor, Tensor | None]", engine(seen))
            return resize(logits, size, self.description.align_corners).softmax(dim=1), presence
        with engine.computing():
            return segment(engine.network, engine.normalised(seen), self.protocol, (size[0], size[1]))

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

    def _pytorch(self, what: str) -> PyTorchEngine:
        if self.engine.name not in ("pytorch", "compile"):
            raise InputError(
                f"{what} PyTorch and a checkpoint, but {self.source} runs in {self.engine.name}; give the"
                " checkpoint that it was exported from, or take the protocol plain"
            )
        return cast("PyTorchEngine", self.engine)


def _array(values: np.ndarray | Tensor) -> np.ndarray:
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()
