"""Reading and writing video files, by PyAV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encnet.errors import InputError

_USUAL_RATE = Fraction(25)
_MPEG4_LONGEST = 1001  # MPEG-4 counts time in fractions of two bytes; this keeps 30000 / 1001 as it is


class VideoFrame(NamedTuple):
    """A picture of a video."""

    pixels: np.ndarray  #: uint8 (H, W, 3), RGB, upright
    seconds: float | None  #: from the beginning of the video; None where the file does not say
    place: int  #: in the order of the pictures at the video's rate; some places are empty where its rate varies


class VideoReader:
    """The first video stream of a file; :func:`open_video` makes it.

    Attributes:
        path: of the file.
        rate: pictures a second, on average.
        frames: how many there are, as far as the file says: to show progress. None where it does not.
    """

    def __init__(self, path: Path, container: Any, stream: Any) -> None:
        self.path = path
        self.rate = _fraction(stream.average_rate or stream.guessed_rate or _USUAL_RATE)
        self._container, self._stream = container, stream
        seconds = Fraction(container.duration or 0, 10**6)
        if stream.duration:
            seconds = stream.duration * _fraction(stream.time_base)
        self.frames: int | None = stream.frames or round(seconds * self.rate) or None

    def __iter__(self) -> Iterator[VideoFrame]:
        """The pictures, each of the size of the first one.

        Raises:
            InputError: the file is damaged.
        """
        av = require_av()
        first, place, size = None, -1, None
        try:
            for frame in self._container.decode(self._stream):
                size = size or (frame.width, frame.height)
                pixels = frame.reformat(*size, format="rgb24").to_ndarray()
                # The camera was turned: what it says is by how much the picture has to be, counter-clockwise.
                upright = np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))
                if frame.time is not None and first is None:
                    first = frame.time
                seconds = None if frame.time is None or first is None else float(frame.time - first)
                place = place + 1 if seconds is None else max(place + 1, round(seconds * self.rate))
                yield VideoFrame(upright, seconds, place)
        except av.FFmpegError as error:
            raise InputError(
                f"{self.path} is damaged after {place + 1} frames ({_reason(error)}); repair it, or cut off what is"
                " damaged"
            ) from error


@contextmanager
def open_video(path: Path) -> Iterator[VideoReader]:
    """Opens a video file, and closes it.

    Raises:
        InputError: PyAV is not installed, or the file is missing, damaged or holds no pictures.
    """
    av = require_av()
    try:
        container = av.open(str(path))
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}; restore it or correct the path") from error
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"cannot read {path} as a video: {_reason(error)}; replace or remove the file") from error
    with container:
        if not container.streams.video:
            raise InputError(f"{path} holds no pictures, only {_kinds(container)}; give a video")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        yield VideoReader(path, container, stream)


class VideoWriter:
    """Writes a video file, whose container is that of its suffix; a context manager.

    Args:
        path: of the file.
        rate: pictures a second.
        lossless: pictures are grey values, (H, W) uint8, and stay exactly as they are: FFV1. Otherwise they are RGB,
            (H, W, 3) uint8, in H.264, or in MPEG-4 where PyAV has no encoder of H.264.
        tags: what the file says of itself.

    Raises:
        InputError: inside, the file cannot be written.
    """

    def __init__(self, path: Path, rate: Fraction, lossless: bool, tags: Mapping[str, str] | None = None) -> None:
        self._av = require_av()
        self._path, self._lossless, self._tags = path, lossless, dict(tags or {})
        self._codec = "ffv1" if lossless else "libx264" if "libx264" in self._av.codecs_available else "mpeg4"
        self._rate = rate.limit_denominator(_MPEG4_LONGEST) if self._codec == "mpeg4" else rate
        self._stream: Any = None

    def __enter__(self) -> VideoWriter:
        with self._errors():
            self._container = self._av.open(str(self._path), "w")
        self._container.metadata.update(self._tags)
        return self

    def write(self, pixels: np.ndarray, place: int) -> None:
        """Adds a picture at a place, later than the one before, of those that the rate has."""
        with self._errors():
            if self._stream is None:
                self._stream = self._added_stream(*pixels.shape[:2])
            whole = np.ascontiguousarray(pixels)
            frame = self._av.VideoFrame.from_ndarray(whole, format="gray" if self._lossless else "rgb24")
            frame.pts, frame.time_base = place, 1 / self._rate
            self._container.mux(self._stream.encode(frame))

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:  # what is not complete is thrown away, and its end need not be written
            with suppress(self._av.FFmpegError, OSError):
                self._container.close()
            return
        with self._errors(), self._container:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (self._av.FFmpegError, OSError) as error:
            raise InputError(f"cannot write {self._path}: {_reason(error)}; choose another place") from error

    def _added_stream(self, height: int, width: int) -> Any:
        options = {"crf": "20", "preset": "veryfast"} if self._codec == "libx264" else {}
        stream: Any = self._container.add_stream(self._codec, rate=self._rate, options=options)
        stream.width, stream.height = width, height
        # Colour at half the resolution, which every player shows, takes even sides.
        halved = "yuv420p" if width % 2 == height % 2 == 0 or self._codec == "mpeg4" else "yuv444p"
        stream.pix_fmt = "gray" if self._lossless else halved
        if self._codec == "mpeg4":
            stream.bit_rate = int(0.25 * width * height * self._rate)
        return stream


def require_av() -> Any:
    """PyAV.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module("av")
    except ModuleNotFoundError as error:
        raise InputError("videos take PyAV, which is not installed; `pip install 'encnet[video]'`") from error


def _fraction(number: Any) -> Fraction:
    """Of whatever kind of fraction PyAV has."""
    return Fraction(number.numerator, number.denominator)


def _kinds(container: Any) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing that can be decoded"


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
