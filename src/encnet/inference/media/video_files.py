"""Reads and writes video files with PyAV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encnet.system.errors import InputError
from encnet.system.text import counted
from encnet.system.unwritable import WRITE_ERRORS

_USUAL_RATE = Fraction(25)
_MPEG4_LONGEST = 1001  # MPEG-4 stores the frame rate as a fraction of 16-bit numbers; this limit keeps 30000 / 1001


class VideoFrame(NamedTuple):
    """A frame of a video."""

    pixels: np.ndarray  #: uint8 (H, W, 3), RGB, upright
    seconds: float | None  #: time since the first frame; None if the file does not state it
    position: int  #: position of the frame at the average frame rate; positions are skipped where the frame rate varies


class VideoReader:
    """The first video stream of a file; created by :func:`open_video`.

    Attributes:
        path: path of the file.
        rate: average number of frames per second.
        frames: number of frames as the file states it, to show progress; None if it does not.
    """

    def __init__(self, path: Path, container: Any, stream: Any) -> None:
        self.path: Path = path
        self.rate: Fraction = _fraction(stream.average_rate or stream.guessed_rate or _USUAL_RATE)
        self._container, self._stream = container, stream
        seconds = Fraction(container.duration or 0, 10**6)
        if stream.duration:
            seconds = stream.duration * _fraction(stream.time_base)
        self.frames: int | None = stream.frames or round(seconds * self.rate) or None
        self._end = _stated_end(container, stream)

    def __iter__(self) -> Iterator[VideoFrame]:
        """Decodes the frames; each has the size of the first one.

        Raises:
            InputError: the file is damaged: a frame cannot be decoded, or only in part, or the last ones are missing.
        """
        av = require_av()
        start, position, size = None, -1, None
        end, longest = Fraction(0), 2 / self.rate  # the time at which the last frame ends, and the longest interval
        try:
            for frame in self._container.decode(self._stream):
                if frame.is_corrupt:
                    raise self._damaged(position + 1, "the next one is incomplete")
                size = size or (frame.width, frame.height)
                pixels = frame.reformat(*size, format="rgb24").to_ndarray()
                # If the camera was turned, frame.rotation is the counter-clockwise angle that turns the image upright.
                upright = np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90)))
                if frame.time is not None and start is None:
                    start = frame.time
                seconds = None if frame.time is None or start is None else float(frame.time - start)
                position = position + 1 if seconds is None else max(position + 1, round(seconds * self.rate))
                yield VideoFrame(upright, seconds, position)
                ends = end + 1 / self.rate if frame.time is None else Fraction(frame.time) + _duration(frame)
                end, longest = max(end, ends), max(longest, ends - end if position > 0 else longest)
        except av.FFmpegError as error:
            raise self._damaged(position + 1, _reason(error)) from error
        if self._end is not None and position >= 0 and end + longest < self._end:
            raise self._damaged(position + 1, f"it ends at {float(end):.2f} of {float(self._end):.2f} seconds")

    def _damaged(self, frames: int, reason: str) -> InputError:
        after = counted(frames, "frame")
        return InputError(f"{self.path} is damaged after {after} ({reason}); repair it, or cut off the damaged part")


@contextmanager
def open_video(path: Path) -> Iterator[VideoReader]:
    """Opens a video file for the duration of a ``with`` block.

    Raises:
        InputError: PyAV is not installed, or the file is missing, damaged or has no frames.
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
            raise InputError(f"{path} has no frames, only {_kinds(container)}; give a video")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        yield VideoReader(path, container, stream)


class VideoWriter:
    """Writes a video file in the container of its suffix. Use the object as a context manager.

    Args:
        path: path of the file.
        rate: frames per second.
        lossless: if true, frames are grey values, (H, W) uint8 or uint16, and stored exactly, in FFV1. Otherwise they
            are RGB, (H, W, 3) uint8, and stored in H.264, or in MPEG-4 if PyAV has no encoder for H.264.
        tags: metadata of the file.

    Raises:
        InputError: the file cannot be written (in the ``with`` block); OSError where a full disk is the reason.
    """

    def __init__(self, path: Path, rate: Fraction, lossless: bool, tags: Mapping[str, str] | None = None) -> None:
        self._av = require_av()
        self._path, self._lossless, self._tags = path, lossless, dict(tags or {})
        self._codec = "ffv1" if lossless else "libx264" if "libx264" in self._av.codecs_available else "mpeg4"
        self._rate = rate.limit_denominator(_MPEG4_LONGEST) if self._codec == "mpeg4" else rate
        self._stream: Any = None
        self._grey = "gray"

    def __enter__(self) -> VideoWriter:
        with self._errors():
            self._container = self._av.open(str(self._path), "w")
        self._container.metadata.update(self._tags)
        return self

    def write(self, pixels: np.ndarray, position: int) -> None:
        """Appends a frame; its position, counted at the frame rate, is greater than that of the frame before."""
        with self._errors():
            if self._stream is None:
                self._grey = "gray16le" if pixels.dtype == np.uint16 else "gray"
                self._stream = self._added_stream(*pixels.shape[:2])
            whole = np.ascontiguousarray(pixels)
            frame = self._av.VideoFrame.from_ndarray(whole, format=self._grey if self._lossless else "rgb24")
            frame.pts, frame.time_base = position, 1 / self._rate
            self._container.mux(self._stream.encode(frame))

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:  # an incomplete file is deleted, so it need not be finished
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
            if isinstance(error, OSError) and error.errno in WRITE_ERRORS:
                raise  # whoever knows the final name says it
            raise InputError(f"cannot write {self._path}: {_reason(error)}; choose another place") from error

    def _added_stream(self, height: int, width: int) -> Any:
        options = {"crf": "20", "preset": "veryfast"} if self._codec == "libx264" else {}
        stream: Any = self._container.add_stream(self._codec, rate=self._rate, options=options)
        stream.width, stream.height = width, height
        # Colour at half the resolution, which every player supports, needs even sides.
        color_format = "yuv420p" if width % 2 == height % 2 == 0 or self._codec == "mpeg4" else "yuv444p"
        stream.pix_fmt = self._grey if self._lossless else color_format
        if self._codec == "mpeg4":
            stream.bit_rate = int(0.25 * width * height * self._rate)
        return stream


def require_av() -> Any:
    """The module ``av``.

    Raises:
        InputError: PyAV is not installed.
    """
    try:
        return import_module("av")
    except ModuleNotFoundError as error:
        raise InputError("videos need PyAV, which is not installed; `pip install 'encnet[video]'`") from error


def _stated_end(container: Any, stream: Any) -> Fraction | None:
    """The time in seconds at which a stream ends, as the file states it; None if it does not."""
    if stream.duration:
        return (stream.duration + (stream.start_time or 0)) * _fraction(stream.time_base)
    clock = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))  # of Matroska
    if clock:
        return 3600 * Fraction(clock[1]) + 60 * Fraction(clock[2]) + Fraction(clock[3])
    # The duration of a file is that of its longest stream.
    return Fraction(container.duration, 10**6) if container.duration and len(container.streams) == 1 else None


def _duration(frame: Any) -> Fraction:
    """Seconds that a frame is shown; 0 if it does not say."""
    return (frame.duration or 0) * _fraction(frame.time_base)


def _fraction(number: Any) -> Fraction:
    """Converts the fractions of PyAV, whose class differs between versions."""
    return Fraction(number.numerator, number.denominator)


def _kinds(container: Any) -> str:
    """The kinds of streams in a file, for a message."""
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing that can be decoded"


def _reason(error: Exception) -> str:
    """The cause of an error without its number and file name."""
    return str(getattr(error, "strerror", None) or error)
