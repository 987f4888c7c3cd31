"""Opens images, converts them to RGB, resizes and fills them for a network. Nothing here needs PyTorch."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from encnet.data.images import as_photograph, read_image
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError

ImageInput = str | os.PathLike[str] | Image.Image | np.ndarray
"""A file, a PIL image, or a uint8 RGB array (H, W, 3)."""


class OpenedImage(NamedTuple):
    """A decoded image."""

    image: Image.Image  #: RGB, of its own size
    seen: Image.Image  #: the image at the size that the network sees
    path: Path | None  #: file of the image; None if it was in memory


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

    @classmethod
    def of(cls, info: ModelInfo, align_corners: bool = False) -> Preprocessing:
        """The preprocessing of a model.

        The images of a network with ``align_corners`` are not filled: it was trained to stretch its scores from the
        first to the last pixel of crops that seldom fit its strides.

        Raises:
            InputError: the model does not take RGB images.
        """
        if len(info.mean) != 3 or len(info.std) != 3:
            raise InputError(f"{info.variant} takes images of {len(info.mean)} channels; prediction needs an RGB model")
        return cls(info.long_side, 1 if align_corners else info.image_multiple)

    def resized(self, image: Image.Image) -> Image.Image:
        """An RGB image at the size that the network sees; the image itself if it has that size already.

        Shrinking averages pixels, as the bilinear filters of Pillow and torchvision do.
        """
        long_side = max(image.size)
        if self.long_side is None or self.long_side == long_side:
            return image
        scale = self.long_side / long_side
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        return image.resize(size, Image.Resampling.BILINEAR)

    def resized_array(self, images: np.ndarray) -> np.ndarray:
        """:meth:`resized` for images of one size, uint8 (B, H, W, 3)."""
        if self.long_side in (None, max(images.shape[1:3])):
            return images
        return pixels_of([self.resized(rgb_image(image)) for image in images])

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
            seen: uint8 (B, h, w, 3), already resized for the network.
            size: H and W of the result in pixels; scores beyond it belong to the filling.
        """
        filling = self.filling(seen.shape[1:3], size)
        return filled(seen, filling.size), filling.covered

    def open(self, image: ImageInput) -> OpenedImage:
        """Decodes an image and resizes it for the network.

        Raises:
            InputError: the file cannot be read, or the image has another type or shape.
        """
        if isinstance(image, str | os.PathLike):
            opened, path = read_image(Path(image)), Path(image)
        else:
            opened, path = rgb_image(image), None
        return OpenedImage(opened, self.resized(opened), path)

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
                if isinstance(image, str | os.PathLike):
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
    """Fills images (B, H, W, 3) to a height and width, neither smaller, with copies of their last row and column."""
    below, beside = size[0] - images.shape[1], size[1] - images.shape[2]
    if (below, beside) == (0, 0):
        return images
    return np.pad(images, ((0, 0), (0, below), (0, beside), (0, 0)), mode="edge")


def pixels_of(images: Sequence[Image.Image]) -> np.ndarray:
    """RGB images of one size as one array, uint8 (B, H, W, 3)."""
    pixels = np.empty((len(images), images[0].height, images[0].width, 3), np.uint8)
    for array, image in zip(pixels, images, strict=True):
        array[:] = np.asarray(image)
    return pixels


def rgb_image(image: Image.Image | np.ndarray | object) -> Image.Image:
    """Converts a PIL image or a uint8 RGB array (H, W, 3) to an RGB image.

    Transparency is dropped, and 16-bit grey is scaled to 8 bits. An EXIF orientation is not applied.

    Raises:
        InputError: another type, shape or number format.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise InputError(
                f"the image array has shape {image.shape} and type {image.dtype};"
                " give RGB as uint8 with shape (height, width, 3)"
            )
        return Image.fromarray(image)
    if not isinstance(image, Image.Image):
        raise InputError(f"an image is a path, a PIL image or a uint8 array, not {type(image).__name__}")
    try:
        image.load()  # Pillow decodes a file only now
        photograph = as_photograph(image, "the image")
    except OSError as error:
        raise InputError(f"the image cannot be decoded: {error}; replace its file") from error
    return photograph.copy() if photograph is image else photograph
