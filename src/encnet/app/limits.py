"""Limits of the server: size of an image, waiting time, requests at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from encnet.data.image_facts import ImageFacts
from encnet.system.checks import require
from encnet.system.errors import InputError

# HTTP status codes (RFC 9110).
TOO_SLOW: int = 408
TOO_LARGE: int = 413
BUSY: int = 503
TOO_LONG: int = 504

WAITING: int = 16
"""Number of requests that may wait; further ones are refused at once."""

_PILLOWS_LIMIT = 178
"""Millions of pixels above which Pillow refuses any image as an attack."""
_PIXEL_BYTES = 16
"""Bytes per pixel, of all bands together, up to which an image of the largest size is decoded: 8 bands of uint16."""
_MEGABYTES = 2000
_SECONDS = 86_400
_AT_ONCE = 64


class RefusedError(InputError):
    """A request exceeds a limit.

    Args:
        message: the sentence for the visitor.
        status: HTTP status code of the answer.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status: int = status


@dataclass(frozen=True)
class Limits:
    """Limits of the server.

    Raises:
        InputError: a number is out of its range.
    """

    max_megapixels: float = 24.0
    """Largest image, in millions of pixels, above 0 and at most 178."""
    max_megabytes: float = 20.0
    """Largest file, in millions of bytes, above 0 and at most 2000."""
    timeout: float = 60.0
    """Longest time to receive a file, and then to answer it, waiting included; in seconds, above 0, at most a day."""
    concurrency: int = 1
    """Images predicted at the same time, 1 to 64."""

    def __post_init__(self) -> None:
        for name, largest in (("max_megapixels", _PILLOWS_LIMIT), ("max_megabytes", _MEGABYTES), ("timeout", _SECONDS)):
            value = getattr(self, name)
            require(0 < value <= largest, name, value, f"above 0 and at most {largest}")
        require(1 <= self.concurrency <= _AT_ONCE, "concurrency", self.concurrency, f"from 1 to {_AT_ONCE}")

    @property
    def max_bytes(self) -> int:
        """Largest file, in bytes."""
        return int(self.max_megabytes * 1e6)

    @property
    def max_received(self) -> int:
        """Bytes of all files that are received or wait at the same time: those of as many files as may wait or run."""
        return self.max_bytes * (self.concurrency + WAITING)

    def check_bytes(self, size: int) -> None:
        """Raises RefusedError if a file, or the part of it that was received, has too many bytes."""
        if size > self.max_bytes:
            raise RefusedError(
                f"the file is larger than {self.max_megabytes:g} MB; make the image smaller, or save it as JPEG",
                TOO_LARGE,
            )

    def check_pixels(self, width: int, height: int) -> None:
        """Raises RefusedError if an image has too many pixels."""
        if width * height > self.max_megapixels * 1e6:
            raise RefusedError(
                f"the image has {width} x {height} pixels, more than {self.max_megapixels:g} million; make it smaller",
                TOO_LARGE,
            )

    def check_values(self, facts: ImageFacts) -> None:
        """Raises RefusedError if the values of all bands of an image, or of one of its tiles, take too much memory."""
        itemsize = np.dtype(facts.dtype).itemsize
        for width, height in (facts.size, facts.tile):
            if width * height * (facts.bands + facts.alpha) * itemsize > self.max_megapixels * 1e6 * _PIXEL_BYTES:
                raise RefusedError(
                    f"the image has {facts} in {width} x {height} pixels, more than the server decodes;"
                    " make it smaller, or send only the bands that the model reads",
                    TOO_LARGE,
                )
