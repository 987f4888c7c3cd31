"""Opens images, reads their bands, resizes and fills them for a network. Nothing here needs PyTorch."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from encnet.data.class_indices import ignore_in
from encnet.data.geo.window import Window
from encnet.data.image_facts import ImageFacts
from encnet.data.pixels import Pixels, as_pixels, fill_of, picture, resized, size_of
from encnet.data.raster import listed
from encnet.data.sample_files import ImageFile
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.inference.image_memory import require_image_fits
from encnet.inference.memory_images import pixels_in_memory
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError
from encnet.system.text import counted

ImageInput = str | os.PathLike[str] | Window | Image.Image | np.ndarray
"""A file, a window of a raster, a PIL image, or a uint8 array (H, W, C): RGB, or the bands of the model."""


class OpenedImage(NamedTuple):
    """A decoded image."""

    image: Image.Image  #: an RGB picture of it, of its own size
    seen: Pixels  #: the image at the size that the network sees: a PIL RGB image, or the bands of the model
    path: ImageFile | None  #: file of the image, or window of a raster; None if it was in memory
    valid: np.ndarray | None = None  #: bool (H, W), the pixels with data; None if all of them have data
    facts: ImageFacts | None = None  #: what the header of the file says; None for an image in memory

    def masked(self, labels: np.ndarray) -> np.ndarray:
        """Labels (H, W) of the image, uint8 or uint16, without those of pixels without data, which are ignored."""
        return labels if self.valid is None else np.where(self.valid, labels, labels.dtype.type(ignore_in(labels)))


class Filling(NamedTuple):
    """The size to which images are filled so that they fit the strides of a network.

    At stride 8 the features of an image 475 pixels wide have 60 columns, which correspond to 480 pixels. Stretching
    them over 475 pixels shifts every score, by up to 5 pixels at the right border, and shifts features of different
    strides against each other. If the image is filled to 480 pixels with copies of its last column, it has as many
    columns of features as before, or a few more where strides differ; the context encoding sums over the same places.
    """

    size: tuple[int, int]  #: height and width of the filled images
    covered: tuple[int, int]  #: height and width, in pixels of the result, that the class scores of filled images cover


@dataclass(frozen=True)
class Preprocessing:
    """How images are resized and filled for a network; stored with the model."""

    long_side: int | None = None
    """Length in pixels to which the long side is resized, keeping the aspect ratio; None keeps the size."""
    multiple: int = 1
    """Height and width are filled to multiples of this number of pixels."""
    source: ImageSource = PHOTOGRAPHS
    """How files are read."""
    fill: tuple[int, ...] = (0, 0, 0)
    """Byte of each band for pixels without data: the mean colour of the network."""
    whole: bool = True
    """Whether the network sees an image as a whole, and not part by part, which needs less memory."""

    @classmethod
    def of(cls, info: ModelInfo, align_corners: bool = False) -> Preprocessing:
        """The preprocessing of a model.

        The images of a network with ``align_corners`` are not filled: it was trained to stretch its scores from the
        first to the last pixel of crops that seldom fit its strides.

        Raises:
            InputError: the source of the model has another number of bands than its mean.
        """
        source = ImageSource.from_dict(info.source)
        if source.bands is None and len(info.mean) != 3:
            source = replace(source, bands=tuple(range(1, len(info.mean) + 1)))
        multiple = 1 if align_corners else info.image_multiple
        return cls(info.long_side, multiple, PHOTOGRAPHS, fill_of(info.mean)).reading(source)

    def reading(self, source: ImageSource) -> Preprocessing:
        """This preprocessing for files that are read by ``source``, completed by the source of the model.

        Raises:
            InputError: the source has another number of bands than the network sees.
        """
        bands = source.bands or self.source.bands
        if len(bands or (1, 2, 3)) != len(self.fill):
            given = "red, green and blue" if bands is None else f"the bands {listed(bands)}"
            raise InputError(
                f"the network sees {counted(len(self.fill), 'band')}, but the files give {given}; give"
                f" {counted(len(self.fill), 'band')}",
                "bands",
            )
        return replace(self, source=source.completed(self.source))

    def resized(self, image: Pixels) -> Pixels:
        """An image at the size that the network sees; the image itself if it has that size already.

        Shrinking averages pixels, as the bilinear filters of Pillow and torchvision do.

        Raises:
            InputError: an image of the size that the network sees does not fit into memory.
        """
        width, height = size_of(image)
        if self.long_side in (None, max(width, height)):
            return image
        scale = self.long_side / max(width, height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        require_image_fits(size[1], size[0], "long_side", whole=self.whole)
        return resized(image, size)

    def resized_array(self, images: np.ndarray) -> np.ndarray:
        """:meth:`resized` for images of one size, uint8 (B, H, W, C).

        Raises:
            InputError: they have another number of bands than the network sees.
        """
        if images.shape[3] != len(self.fill):
            raise InputError(
                f"the images have {counted(images.shape[3], 'band')}, but the network sees {len(self.fill)};"
                " give as many"
            )
        if self.long_side in (None, max(images.shape[1:3])):
            return images
        return pixels_of([self.resized(as_pixels(image)) for image in images])

    def filling(self, seen: Sequence[int], result: Sequence[int]) -> Filling:
        """The size to which images are filled.

        Args:
            seen: height and width of the images at the size that the network sees.
            result: height and width of the result; differs from ``seen`` if images are resized for the network.
        """
        height, width = (-(-side // self.multiple) * self.multiple for side in seen)
        rows, columns = (
            round(side * full / part) for side, full, part in zip(result, (height, width), seen, strict=True)
        )
        return Filling((height, width), (rows, columns))

    def filled(self, seen: np.ndarray, size: Sequence[int]) -> tuple[np.ndarray, tuple[int, int]]:
        """Filled images, and the height and width in pixels that their class scores cover.

        Args:
            seen: uint8 (B, h, w, C), already resized for the network.
            size: H and W of the result in pixels; scores beyond it belong to the filling.
        """
        filling = self.filling(seen.shape[1:3], size)
        return filled(seen, filling.size), filling.covered

    def open(self, image: ImageInput) -> OpenedImage:
        """Decodes an image and resizes it for the network.

        Raises:
            InputError: the file cannot be read, or the image has another type or shape.
        """
        if isinstance(image, str | os.PathLike | Window):
            file = image if isinstance(image, Window) else Path(image)
            opened, valid, facts = self.source.read(file, self.fill)
            return OpenedImage(picture(opened), self.resized(opened), file, valid, facts)
        opened = pixels_in_memory(image, self.source)
        return OpenedImage(picture(opened), self.resized(opened), None)

    def open_readable(
        self, images: Iterable[ImageInput], ahead: int, on_error: Callable[[InputError], None] | None
    ) -> Generator[OpenedImage]:
        """Opens images in their order, as :meth:`open_ahead` does, and leaves out those that cannot be read.

        Args:
            images: images, files or both.
            ahead: number of images to open in advance.
            on_error: called for each image that cannot be read; None raises the error.

        Raises:
            InputError: an image cannot be read, and there is no ``on_error``.
        """
        with closing(self.open_ahead(images, ahead)) as futures:
            for future in futures:
                try:
                    opened = future.result()
                except InputError as error:
                    if on_error is None:
                        raise
                    on_error(error)
                else:
                    yield opened

    def open_ahead(self, images: Iterable[ImageInput], ahead: int) -> Generator[Future[OpenedImage]]:
        """Opens images in their order, as :meth:`open` does, up to ``ahead`` images in advance.

        One thread reads the files; it ends with the iterator. Images in memory are converted immediately, because the
        caller may change their memory before the next image is requested.
        """
        pending: deque[Future[OpenedImage]] = deque()
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encnet-open")
        try:
            for image in images:
                if isinstance(image, str | os.PathLike | Window):
                    pending.append(pool.submit(self.open, image))
                else:
                    pending.append(self._opened(image))
                if len(pending) > ahead:
                    yield pending.popleft()
            while pending:
                yield pending.popleft()
        finally:
            for future in pending:
                future.cancel()
            pool.shutdown()

    def _opened(self, image: ImageInput) -> Future[OpenedImage]:
        future: Future[OpenedImage] = Future()
        try:
            future.set_result(self.open(image))
        except InputError as error:
            future.set_exception(error)
        return future


def filled(images: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Fills images (B, H, W, C) to a height and width, neither smaller, with copies of their last row and column."""
    below, beside = size[0] - images.shape[1], size[1] - images.shape[2]
    if (below, beside) == (0, 0):
        return images
    return np.pad(images, ((0, 0), (0, below), (0, beside), (0, 0)), mode="edge")


def pixels_of(images: Sequence[Pixels]) -> np.ndarray:
    """Images of one size as one array, uint8 (B, H, W, C)."""
    first = np.asarray(images[0])
    pixels = np.empty((len(images), *first.shape), np.uint8)
    pixels[0] = first
    for array, image in zip(pixels[1:], images[1:], strict=True):
        array[:] = np.asarray(image)
    return pixels
