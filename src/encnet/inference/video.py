"""A video -> an overlay video, its labels without loss, and what is in each picture."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from encnet.errors import InputError
from encnet.files import replacing
from encnet.inference.context_memory import ContextMemory
from encnet.inference.predictor import Predictor
from encnet.inference.segmentation import Segmentation
from encnet.inference.video_files import VideoFrame, VideoWriter, open_video
from encnet.visualize import overlay as overlaid


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
    progress: Callable[[int, int | None], object] | None = None,
) -> list[Path]:
    """Predicts the pictures of a video.

    It writes

    - ``<stem>_labels.mkv``: class indices as grey values, without loss (FFV1), which every build of FFmpeg reads. The
      tag ``classes`` has their names as JSON;
    - ``<stem>.jsonl``: for each picture a line of JSON with ``frame``, ``seconds``, and presence, shares and
      disagreement as in :meth:`Segmentation.to_dict`;
    - ``<stem>_overlay.mp4``: the video under the colours of its classes, as large and as fast, without sound;
    - with ``frames``, ``<stem>_frames/000000.png`` and so on: the label maps as palette PNGs.

    None of them is there before all are complete.

    Args:
        predictor: of any engine, unless there is a context memory.
        path: of the video.
        folder: is made if need be.
        stem: of the files' names; by default that of the video.
        overlay: whether to write the overlay.
        opacity: of the overlay's colours, 0-1.
        frames: whether to write label maps as PNGs too.
        context_memory: weight of the pictures before in the context, :class:`ContextMemory`; 0 takes each by itself.
        batch_size: pictures that are predicted together; with a context memory it is one after the other.
        progress: is told how many pictures are done, and of how many; None where the video does not say.

    Returns:
        The files written, and the folder of PNGs.

    Raises:
        InputError: PyAV is not installed, the video cannot be read, the files cannot be written or one of them would
            take the video's place, or an argument is out of its range.
    """
    if batch_size < 1 or not 0 <= opacity <= 1:
        raise InputError(f"batch_size is {batch_size} and opacity {opacity}; they must be at least 1, and from 0 to 1")
    if len(predictor.names) > 256:
        raise InputError(f"{len(predictor.names)} classes are more than grey values; predict the video's pictures")
    memory = ContextMemory(context_memory) if context_memory != 0 else None
    if memory is not None:
        predictor.require_context()
    path, folder = Path(path), Path(folder)
    stem = stem or path.stem
    written = [folder / f"{stem}_labels.mkv", folder / f"{stem}.jsonl"]
    written += [folder / f"{stem}_overlay.mp4"] if overlay else []
    if path.resolve() in [target.resolve() for target in written]:
        raise InputError(f"the result would take the place of {path} itself; give another folder as --out")
    with ExitStack() as stack:
        video = stack.enter_context(open_video(path))
        pictures = stack.enter_context(_folder_of_frames(folder / f"{stem}_frames")) if frames else None
        temporary = [stack.enter_context(replacing(target)) for target in written]
        tags = {"classes": json.dumps(predictor.names, ensure_ascii=False)}
        labels = stack.enter_context(VideoWriter(temporary[0], video.rate, lossless=True, tags=tags))
        lines = stack.enter_context(temporary[1].open("w", encoding="utf-8"))
        overlays = stack.enter_context(VideoWriter(temporary[2], video.rate, lossless=False)) if overlay else None
        done = 0
        for frame, segmentation in _segmentations(predictor, iter(video), batch_size, memory):
            labels.write(segmentation.labels, frame.place)
            lines.write(json.dumps(_line(done, frame, segmentation), ensure_ascii=False) + "\n")
            if overlays is not None:
                picture = overlaid(segmentation.image, segmentation.labels, segmentation.palette, opacity)
                overlays.write(np.asarray(picture), frame.place)
            if pictures is not None:
                segmentation.label_map().save(pictures / f"{done:06d}.png")
            done += 1
            if progress is not None:
                progress(done, video.frames)
        if done == 0:
            raise InputError(f"{path} holds no pictures; give a video")
    return [*written, folder / f"{stem}_frames"] if frames else written


def _segmentations(
    predictor: Predictor, frames: Iterator[VideoFrame], batch_size: int, memory: ContextMemory | None
) -> Iterator[tuple[VideoFrame, Segmentation]]:
    while batch := list(islice(frames, batch_size)):
        labels, presence = predictor.labels(np.stack([frame.pixels for frame in batch]), memory)
        found = [None] * len(batch) if presence is None else presence
        for frame, own_labels, own_presence in zip(batch, labels, found, strict=True):
            image = Image.fromarray(frame.pixels)
            yield frame, Segmentation(own_labels, own_presence, predictor.names, predictor.palette, image)


def _line(number: int, frame: VideoFrame, segmentation: Segmentation) -> dict[str, Any]:
    seconds = None if frame.seconds is None else round(frame.seconds, 6)
    said = {key: value for key, value in segmentation.to_dict().items() if key not in ("file", "width", "height")}
    return {"frame": number, "seconds": seconds, **said}


@contextmanager
def _folder_of_frames(target: Path) -> Iterator[Path]:
    """A temporary folder, whose files get into ``target`` when the block ends without an error."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}; choose another place for the output") from error
    try:
        with TemporaryDirectory(prefix=".frames.", dir=target) as name:
            yield Path(name)
            for stale in target.glob("[0-9]*.png"):  # of a run over a longer video
                stale.unlink()
            for file in Path(name).iterdir():
                file.replace(target / file.name)
    finally:
        if not any(target.iterdir()):
            target.rmdir()
