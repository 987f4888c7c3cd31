"""Images in their order, the next files read by a thread while the caller is busy with those before."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from encnet.data.images import read_image
from encnet.errors import InputError
from encnet.inference.preprocessing import Preprocessing, rgb_image

ImageInput = str | os.PathLike[str] | Image.Image | np.ndarray
"""A file, a PIL image, or a uint8 RGB array (H, W, 3)."""


class OpenedImage(NamedTuple):
    """An image that is decoded."""

    image: Image.Image  #: RGB, of its own size
    seen: Image.Image  #: as the network is to see it: perhaps another size
    path: Path | None  #: its file


def open_input(image: ImageInput, preprocessing: Preprocessing) -> OpenedImage:
    """Decodes one image.

    Raises:
        InputError: the file cannot be read, or the image has another type or shape.
    """
    path = Path(image) if isinstance(image, str | os.PathLike) else None
    opened = rgb_image(image) if path is None else read_image(path)  # pyright: ignore[reportArgumentType]
    return OpenedImage(opened, preprocessing.resized(opened), path)


def open_ahead(
    images: Iterable[ImageInput], preprocessing: Preprocessing, ahead: int
) -> Generator[Future[OpenedImage]]:
    """:func:`open_input` of each image, in their order; up to ``ahead`` further ones are opened meanwhile.

    Files are read by one thread, which ends with the iterator. Images in memory are converted at once: what they share
    memory with may change as soon as the next one is asked for.
    """
    pending: deque[Future[OpenedImage]] = deque()
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encnet-open")
    try:
        for image in images:
            if isinstance(image, str | os.PathLike):
                pending.append(pool.submit(open_input, image, preprocessing))
            else:
                pending.append(_opened(image, preprocessing))
            if len(pending) > ahead:
                yield pending.popleft()
        while pending:
            yield pending.popleft()
    finally:
        for future in pending:
            future.cancel()
        pool.shutdown()


def _opened(image: ImageInput, preprocessing: Preprocessing) -> Future[OpenedImage]:
    future: Future[OpenedImage] = Future()
    try:
        future.set_result(open_input(image, preprocessing))
    except InputError as error:
        future.set_exception(error)
    return future
