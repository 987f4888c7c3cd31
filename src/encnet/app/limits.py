"""How much one visitor may ask of the server."""

from __future__ import annotations

from dataclasses import dataclass

from encnet.errors import InputError

TOO_LARGE, BUSY, TOO_LONG = 413, 503, 504  # status codes of HTTP (RFC 9110)

WAITING = 16
"""So many requests may wait for their turn; further ones are sent away at once."""

_PILLOWS_LIMIT = 178
"""Millions of pixels above which Pillow takes any image for an attack."""
_PIXELS = f"above 0 and at most {_PILLOWS_LIMIT}"


class RefusedError(InputError):
    """A request that is over a limit. The message is for the visitor; ``status`` is what HTTP calls the reason."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """How much one visitor may ask of the server.

    Raises:
        InputError: a number is out of its range.
    """

    max_megapixels: float = 24.0
    """Millions of pixels of an image, above 0 and at most 178."""
    max_megabytes: float = 20.0
    """Size of its file, in millions of bytes, above 0."""
    timeout: float = 60.0
    """Seconds from a request to its answer, waiting included, above 0."""
    concurrency: int = 1
    """Images predicted at the same time, from 1."""

    def __post_init__(self) -> None:
        _require(0 < self.max_megapixels <= _PILLOWS_LIMIT, "max_megapixels", self.max_megapixels, _PIXELS)
        _require(self.max_megabytes > 0, "max_megabytes", self.max_megabytes, "above 0")
        _require(self.timeout > 0, "timeout", self.timeout, "above 0")
        _require(self.concurrency >= 1, "concurrency", self.concurrency, "at least 1")

    @property
    def max_bytes(self) -> int:
        """Size of a file in bytes."""
        return int(self.max_megabytes * 1e6)

    def check_bytes(self, size: int) -> None:
        """Raises RefusedError for a file, or the part of one, of more bytes than are taken."""
        if size > self.max_bytes:
            raise RefusedError(
                f"the file is larger than {self.max_megabytes:g} MB; save the image smaller, or as JPEG", TOO_LARGE
            )

    def check_pixels(self, width: int, height: int) -> None:
        """Raises RefusedError for an image of more pixels than are taken."""
        if width * height > self.max_megapixels * 1e6:
            raise RefusedError(
                f"the image has {width} x {height} pixels, more than {self.max_megapixels:g} million; make it smaller",
                TOO_LARGE,
            )


def _require(condition: bool, name: str, value: float, allowed: str) -> None:
    if not condition:
        raise InputError(f"--{name} is {value}; it must be {allowed}")
