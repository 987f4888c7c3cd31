"""Predicts a video: an overlay video, lossless labels, and the presence of classes in each frame."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from encnet.inference.media.context_memory import ContextMemory
from encnet.inference.media.video_files import VideoFrame, VideoWriter, open_video
from encnet.inference.predictor import Predictor
from encnet.inference.segmentation import Segmentation, class_indices
from encnet.reports.pictures import overlay as overlaid
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.files import encoded, record, replacing_together
from encnet.system.outputs import Records, check_outputs
from encnet.system.unwritable import unwritable, writing_into


def predict_video(
    predictor: Predictor,
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    stem: str | None = None,
    *,
    overlay: bool = True,
    opacity: float = 0.5,
    frames: bool = False,
    context_memory: float = 0.0,
    batch_size: int = 4,
    overwrite: bool = False,
    clear: Sequence[str] = (),
    progress: Callable[[int, int | None], object] | None = None,
) -> list[Path]:
    """Predicts the frames of a video.

    Writes:

    - ``<stem>_labels.mkv``: class indices as grey values, lossless (FFV1, which every build of FFmpeg reads), with 16
      bits for more than 255 classes. The tag ``classes`` holds the class names as JSON;
    - ``<stem>.jsonl``: one line of JSON per frame with ``frame``, ``seconds``, and presence, shares and disagreement as
      in :meth:`Segmentation.to_dict`;
    - ``<stem>_overlay.mp4``: the video blended with the colours of its classes, of the same size and frame rate,
      without sound;
    - if ``frames`` is set, ``<stem>_frames/000000.png`` and so on: the label maps as PNGs.

    The files appear together, when all of them are complete.

    Args:
        predictor: a predictor with any engine; with PyTorch if there is a context memory.
        path: the video.
        folder: folder for the results; it is created if needed.
        stem: stem of the names of the results; None takes that of the video.
        overlay: whether to write the overlay.
        opacity: opacity of the overlay's colours, 0-1.
        frames: whether to write label maps as PNGs too.
        context_memory: weight of earlier frames in the context, see :class:`ContextMemory`; 0 gives each frame its own
            context.
        batch_size: number of frames that are predicted together; with a context memory they run one by one.
        overwrite: whether to replace files that encnet did not write, or that were changed since.
        clear: names of classes that the overlay leaves without colour.
        progress: called with the number of frames done and their total, which is None if the video does not state it.

    Returns:
        The files written, and the folder of PNGs.

    Raises:
        InputError: PyAV is not installed, the video cannot be read, the results cannot be written or would replace the
            video or a file that encnet did not write, or an argument is out of range.
    """
    require(batch_size >= 1, "batch_size", batch_size, "at least 1")
    require(0 <= opacity <= 1, "opacity", opacity, "from 0 to 1")
    without_color = class_indices(clear, predictor.names)
    memory = ContextMemory(context_memory) if context_memory != 0 else None
    if memory is not None:
        predictor.require_context()
    path, folder = Path(path), Path(folder)
    stem = stem or path.stem
    check_outputs(result_files(folder, stem, overlay, frames), [path], overwrite, "folder")
    written = result_files(folder, stem, overlay)
    with ExitStack() as stack:
        video = stack.enter_context(open_video(path))
        temporary = stack.enter_context(replacing_together(written))
        pngs = stack.enter_context(_folder_of_frames(folder / f"{stem}_frames")) if frames else None
        tags = {"classes": json.dumps(predictor.names, ensure_ascii=False)}
        labels = stack.enter_context(VideoWriter(temporary[0], video.rate, lossless=True, tags=tags))
        lines = stack.enter_context(temporary[1].open("wb"))
        overlays = stack.enter_context(VideoWriter(temporary[2], video.rate, lossless=False)) if overlay else None
        done = 0
        for frame, segmentation in _segmentations(predictor, iter(video), batch_size, memory):
            labels.write(segmentation.labels, frame.position)
            lines.write(encoded(json.dumps(_line(done, frame, segmentation), ensure_ascii=False) + "\n"))
            if overlays is not None:
                picture = overlaid(
                    segmentation.image, segmentation.labels, segmentation.palette, opacity, clear=without_color
                )
                overlays.write(np.asarray(picture), frame.position)
            if pngs is not None:
                segmentation.label_map().save(pngs / f"{done:06d}.png")
            done += 1
            if progress is not None:
                progress(done, video.frames)
        if done == 0:
            raise InputError(f"{path} has no frames; give a video")
    return [*written, folder / f"{stem}_frames"] if frames else written


def result_files(folder: str | os.PathLike[str], stem: str, overlay: bool = True, frames: bool = False) -> list[Path]:
    """The files that :func:`predict_video` writes: label maps, lines of JSON, and overlay if any.

    With ``frames``, the label maps that are in the folder of frames already are among them, because the number of
    frames is not known before.
    """
    endings = ("_labels.mkv", ".jsonl", *(["_overlay.mp4"] if overlay else []))
    pngs = _numbered(Path(folder, f"{stem}_frames")) if frames else []
    return [*(Path(folder, f"{stem}{ending}") for ending in endings), *pngs]


def _segmentations(
    predictor: Predictor, frames: Iterator[VideoFrame], batch_size: int, memory: ContextMemory | None
) -> Iterator[tuple[VideoFrame, Segmentation]]:
    """Predicts the frames in batches."""
    while batch := list(islice(frames, batch_size)):
        labels, presence = predictor.labels(np.stack([frame.pixels for frame in batch]), memory)
        presences = [None] * len(batch) if presence is None else presence
        for frame, frame_labels, frame_presence in zip(batch, labels, presences, strict=True):
            image = Image.fromarray(frame.pixels)
            yield (
                frame,
                Segmentation(
                    frame_labels,
                    frame_presence,
                    predictor.names,
                    predictor.palette,
                    image,
                    threshold=predictor.threshold,
                ),
            )


def _line(number: int, frame: VideoFrame, segmentation: Segmentation) -> dict[str, Any]:
    """The line of a frame in the .jsonl file, as JSON types."""
    seconds = None if frame.seconds is None else round(frame.seconds, 6)
    values = {key: value for key, value in segmentation.to_dict().items() if key not in ("file", "width", "height")}
    return {"frame": number, "seconds": seconds, **values}


@contextmanager
def _folder_of_frames(target: Path) -> Iterator[Path]:
    """A temporary folder; its files are moved to ``target`` when the block ends without an error."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(target, error) from error
    try:
        with writing_into(target), TemporaryDirectory(prefix=".frames.", dir=target) as name:
            yield Path(name)
            files = sorted(Path(name).iterdir())
            for file in files:  # before any gets its name, since this may fail for want of space
                record(file, target / file.name)
            records = Records()
            for old in _numbered(target):
                if records.wrote(old):  # an earlier run may have been over a longer video
                    old.unlink()
            for file in files:
                file.replace(target / file.name)
    finally:
        with suppress(OSError):  # it holds files, or is gone
            target.rmdir()


def _numbered(folder: Path) -> list[Path]:
    """The files of a folder that have the name of a frame."""
    return sorted(file for file in folder.glob("*.png") if re.fullmatch(r"\d{6,}", file.stem))
