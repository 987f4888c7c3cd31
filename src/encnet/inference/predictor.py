"""The Predictor: engine, preprocessing and protocol in one object that turns images into segmentations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import groupby, islice
from typing import TYPE_CHECKING

import numpy as np

from encnet.data.class_indices import for_numpy
from encnet.data.palette import Color
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.inference.argmax import most_probable
from encnet.inference.engines import Description, Engine, EngineName, Precision, open_engine
from encnet.inference.engines.network_engine import context_engine, network_engine
from encnet.inference.preprocessing import ImageInput, OpenedImage, Preprocessing, pixels_of
from encnet.inference.protocols.protocol import Protocol, named_protocol
from encnet.inference.segmentation import Segmentation
from encnet.inference.threshold import pixel_maps, with_threshold
from encnet.system.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from encnet.checkpoint.encnet import EncNet
    from encnet.inference.engines.pytorch import PyTorchEngine
    from encnet.inference.media.context_memory import ContextMemory
    from encnet.inference.protocols.shared_context import SharedContextTiles


class Predictor:
    """Predicts images at their own size.

    Args:
        model: a model, which is copied; a checkpoint or a repository of the Hugging Face hub; or an exported file.
        protocol: how the model is run over an image, or the name of a protocol. Values that it leaves to the model are
            completed as in :meth:`Protocol.for_model`. Exported models need a single pass over the whole image.
        device: "cpu", "cuda", "cuda:1", ...; "auto" is the GPU if there is one.
        precision: "fp32"; "bf16"; or "fp16", on a GPU.
        engine: "pytorch", "compile", "onnxruntime", "openvino", "auto": :func:`encnet.inference.engines.open_engine`.
        image_source: bands and range of values of image files, where they differ from those of the training.
        threshold: of two classes, the probability, 0-1, from which a pixel has the second; None is one half.
        confidence: whether segmentations have a confidence; it needs PyTorch and a checkpoint.
        probabilities: whether segmentations have the probabilities of all classes; they need the same.

    Raises:
        InputError: the model, protocol, device, precision, engine or source cannot be used.
    """

    def __init__(
        self,
        model: EncNet | str | os.PathLike[str],
        protocol: Protocol | str = "plain",
        device: str | torch.device = "auto",
        precision: Precision = "fp32",
        engine: EngineName = "auto",
        image_source: ImageSource = PHOTOGRAPHS,
        threshold: float | None = None,
        confidence: bool = False,
        probabilities: bool = False,
    ) -> None:
        self.source: str | None = str(model) if isinstance(model, str | os.PathLike) else None
        """Path or name of the model; None for a model in memory."""
        protocol = named_protocol(protocol) if isinstance(protocol, str) else protocol
        self.engine: Engine = with_threshold(open_engine(model, engine, device, precision), threshold)
        self.threshold: float | None = threshold
        self._wanted = confidence, probabilities
        self.description: Description = self.engine.description
        self.protocol: Protocol = protocol.for_model(self.description.info)
        if not self.protocol.single_pass:
            self.require_pytorch(f"the protocol {self.protocol.name} with these settings takes")
        if any(self._wanted):
            self.require_pytorch("a confidence takes" if confidence else "probabilities take", "leave it out")
        preprocessing = Preprocessing.of(self.description.info, self.description.align_corners).reading(image_source)
        if self.protocol.long_side is not None or self.protocol.short_side is not None:
            preprocessing = replace(preprocessing, long_side=None)  # the protocol resizes the image itself
        preprocessing = replace(preprocessing, whole=self.protocol.mode == "whole")
        self.preprocessing: Preprocessing = preprocessing if self.protocol.fill else replace(preprocessing, multiple=1)
        self.once: bool = self.protocol.once
        self._tile = self.protocol.crop if self.protocol.mode == "tiled" else None
        self._tiles: SharedContextTiles | None = None
        self.names: tuple[str, ...] = self.description.names
        self.palette: tuple[Color, ...] = self.description.palette

    def __call__(self, image: ImageInput) -> Segmentation:
        """Predicts one image.

        Args:
            image: a path, a PIL image, or a uint8 array (H, W, C): RGB, or the bands of the model.

        Raises:
            InputError: the file cannot be read, or the image has another type or shape.
        """
        return self.batch([image])[0]

    def batch(self, images: Sequence[ImageInput]) -> list[Segmentation]:
        """Predicts images of any sizes, images of one size together; none is padded: that would change its context.

        Raises:
            InputError: as for one image.
        """
        opened = [self.preprocessing.open(image) for image in images]
        results: dict[int, Segmentation] = {}
        for size in dict.fromkeys(image.image.size for image in opened):
            indices = [index for index, image in enumerate(opened) if image.image.size == size]
            results.update(zip(indices, self._predict([opened[index] for index in indices]), strict=True))
        return [results[index] for index in range(len(opened))]

    def stream(
        self, images: Iterable[ImageInput], batch_size: int = 4, on_error: Callable[[InputError], None] | None = None
    ) -> Iterator[Segmentation]:
        """Predicts any number of images in their order; meanwhile, a thread reads the files of the next batch.

        Args:
            images: as for one image.
            batch_size: largest number of images in a batch; a batch also ends where the size of the images changes.
            on_error: called for each image that cannot be read, which is then left out; None raises the error.

        Raises:
            InputError: ``batch_size`` is below 1; or an image cannot be read, and there is no ``on_error``.
        """
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}; it must be at least 1", "batch_size")
        with closing(self.preprocessing.open_readable(images, batch_size, on_error)) as opened:
            for _, same_size in groupby(opened, key=lambda image: image.image.size):
                while batch := list(islice(same_size, batch_size)):
                    yield from self._predict(batch)

    def labels(self, images: np.ndarray, memory: ContextMemory | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """The most probable class of every pixel of images of one size, by the protocol.

        Args:
            images: uint8 (B, H, W, C): RGB, or the bands of the model.
            memory: for consecutive frames of a video: averages the context over time.

        Returns:
            Class indices (B, H, W), uint8, or uint16 with more than 255 classes; and presence (B, classes) float32, the
            probability, 0-1, that each class is in the image, or None if the model does not predict it.

        Raises:
            InputError: the images have other bands; or there is a memory, and :meth:`require_context` fails.
        """
        if memory is not None:
            self.require_context()
        return self._labels(self.preprocessing.resized_array(images), images.shape[1:3], memory)

    def require_context(self) -> PyTorchEngine:
        """The engine, if the context of an image can be replaced.

        Raises:
            InputError: there is no context encoding or no PyTorch, or the protocol sees the image more than once.
        """
        return context_engine(self.engine, self.source, self.protocol)

    def probabilities(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Class probabilities of the pixels of images of one size, by the protocol: 4 bytes per class and pixel.

        Args:
            images: uint8 (B, C, H, W): RGB, or the bands of the model.

        Returns:
            Probabilities (B, classes, H, W), and presence (B, classes) or None; on the device.

        Raises:
            InputError: the model does not run in PyTorch.
        """
        pixels = images.permute(0, 2, 3, 1).cpu().numpy()
        return self._probabilities(self.preprocessing.resized_array(pixels), pixels.shape[1:3])

    def tiles(self, size: Sequence[int]) -> SharedContextTiles:
        """The tiles of the protocol, or else one tile, for images of a size (height, width); the last are cached.

        Raises:
            InputError: the engine is not PyTorch.
        """
        from encnet.inference.protocols.shared_context import SharedContextTiles

        image = (size[0], size[1])
        if self._tiles is None or self._tiles.size != image:
            engine = self.require_pytorch("shared-context tiles take")
            self._tiles = SharedContextTiles(engine, image, self._tile or image, self.protocol.margin)
        return self._tiles

    def _splits(self, pixels: np.ndarray) -> bool:
        return self._tile is not None and (pixels.shape[1] > self._tile[0] or pixels.shape[2] > self._tile[1])

    def _labels(
        self, seen: np.ndarray, size: tuple[int, ...], memory: ContextMemory | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """:meth:`labels` of a size, (H, W), from images that are already resized for the network."""
        if not self.once and memory is None:
            probabilities, presence = self._probabilities(seen, size)
            return pixel_maps(probabilities, None, False, False).labels, None if presence is None else _array(presence)
        pixels, covered = self.preprocessing.filled(seen, size)
        if memory is not None or self._splits(pixels):
            from encnet.inference.protocols.shared_context_images import labels_in_tiles

            labels, presence = labels_in_tiles(self.tiles(pixels.shape[1:3]), pixels, covered, memory)
        else:
            logits, presence = self.engine(pixels)
            labels = most_probable(logits, covered, self.description.align_corners)
        return for_numpy(_array(labels[:, : size[0], : size[1]])), None if presence is None else _array(presence)

    def _probabilities(self, seen: np.ndarray, size: tuple[int, ...]) -> tuple[Tensor, Tensor | None]:
        from encnet.inference.protocols.probabilities import class_probabilities
        from encnet.inference.protocols.sliding_window import segment

        engine = self.require_pytorch("class probabilities take")
        if not self.once:
            with engine.computing():
                return segment(engine.network, engine.normalised(seen), self.protocol, (size[0], size[1]))
        pixels, covered = self.preprocessing.filled(seen, size)
        tiles = self.tiles(pixels.shape[1:3]) if self._splits(pixels) else None
        return class_probabilities(engine, tiles, pixels, covered, size)

    def _predict(self, opened: Sequence[OpenedImage]) -> list[Segmentation]:
        seen, size = pixels_of([image.seen for image in opened]), opened[0].image.size[::-1]
        confidences = of_classes = [None] * len(opened)
        if any(self._wanted):
            probabilities, presence = self._probabilities(seen, size)
            labels, confidences, of_classes = pixel_maps(probabilities, self.threshold, *self._wanted)
        else:
            labels, presence = self._labels(seen, size)
        presences = [None] * len(opened) if presence is None else _array(presence)
        more = zip(confidences, of_classes, [self.threshold] * len(opened), strict=True)
        return [
            Segmentation(image.masked(classes), present, self.names, self.palette, image.image, image.path, *rest)
            for classes, present, image, rest in zip(labels, presences, opened, more, strict=True)
        ]

    def require_pytorch(self, what: str, instead: str = "take the protocol plain") -> PyTorchEngine:
        """The engine, if it is PyTorch, whose network can be run in parts.

        Args:
            what: subject and verb of the message, "a raster takes" for example.
            instead: alternative to a checkpoint, for the message.

        Raises:
            InputError: the engine is another one.
        """
        return network_engine(self.engine, self.source, what, instead)


def _array(values: np.ndarray | Tensor) -> np.ndarray:
    return np.ascontiguousarray(values if isinstance(values, np.ndarray) else values.cpu().numpy())
