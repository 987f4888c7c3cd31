"""`encnet predict`: segments photographs, videos and rasters."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encnet.commands.command import (
    INCOMPLETE,
    LONGEST,
    WRONG_INPUT,
    add_engine,
    add_overwrite,
    with_flag,
    with_protocol_first,
)
from encnet.system.errors import InputError
from encnet.system.text import say, shown
from encnet.system.unwritable import UnwritableError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "segments photographs, videos and rasters"

FLAGS = ("--out", "--bands", "--value_range", "--raster", "--context_memory", "--threshold")
"""The flags whose arguments can be wrong for one file, and right for the next."""


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.inference.protocols.protocol import Protocol

    parser.add_argument(
        "checkpoint",
        type=str,
        help="a checkpoint, the folder of a training run, or an exported model: .onnx, .xml or .pt2",
    )
    parser.add_argument("images", type=str, nargs="+", help="images, videos, GeoTIFFs; folders of them, or globs")
    parser.add_argument("--out", type=str, default="predictions", help="folder for label maps, overlays and presence")
    add_overwrite(parser)
    parser.add_argument("--overlay", type=bool, default=True, help="write overlays too")
    parser.add_argument("--opacity", type=float, default=0.5, help="opacity of the overlay colours, 0 to 1")
    parser.add_argument(
        "--clear", type=list[str], default=[], help="classes that overlays leave without colour: [background]"
    )
    parser.add_argument(
        "--areas",
        type=bool,
        default=False,
        help="also write areas.csv: pixels, share and square metres of each class in each photograph and raster",
    )
    parser.add_argument(
        "--confidence",
        type=bool,
        default=False,
        help="photographs: also write the probability of each pixel's class, as grey levels from 0 to 255",
    )
    parser.add_argument(
        "--probabilities",
        type=bool,
        default=False,
        help="photographs: also write the probabilities of all classes, as arrays for NumPy",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        help="models of two classes: the probability from which a pixel has the second class",
    )
    parser.add_argument("--batch_size", type=int, default=4, help="images of equal size that are predicted together")
    parser.add_argument(
        "--rank",
        type=bool,
        default=False,
        help="also write ranking.json, and list the images in which pixels and presence disagree most",
    )
    parser.add_argument("--frames", type=bool, default=False, help="videos: also write each label map as a PNG")
    parser.add_argument(
        "--context_memory",
        type=float,
        default=0.0,
        help="videos: weight of previous frames in the context of each frame, 0.9 for example; 0 uses each frame alone",
    )
    parser.add_argument(
        "--raster",
        type=bool | None,
        default=None,
        help="read the files as rasters, window by window, with anything rasterio opens; none does so for TIFFs that"
        " are georeferenced, very large, or have bands or numbers that the model does not read as a photograph, and for"
        " photographs with too many pixels for Pillow",
    )
    parser.add_argument(
        "--bands",
        type=tuple[int, ...],
        default=None,
        help="the bands that the network sees, 4,3,2 for example; none takes those of the training",
    )
    parser.add_argument(
        "--value_range",
        type=tuple[float, float],
        default=None,
        help="the values that become 0 and 255, 0,3000 for example; none takes those of the training",
    )
    parser.add_argument("--protocol", type=Protocol, default=Protocol())
    add_engine(parser)


def prepared(words: list[str]) -> list[str]:
    return with_protocol_first(words)


def run(arguments: Any) -> int:
    from encnet.commands.predict_plan import make_plan
    from encnet.data.source import PHOTOGRAPHS, ImageSource
    from encnet.inference import Predictor
    from encnet.inference.areas import write_areas
    from encnet.inference.ranking import Ranking
    from encnet.inference.segmentation import class_indices
    from encnet.system.memory import keep_freed_memory
    from encnet.system.progress import progress_bar
    from encnet.system.terminal import Terminal

    if arguments.protocol.mode != "tiled":  # tiles are for images that hardly fit in memory
        keep_freed_memory()

    @cache
    def opened() -> Predictor:
        # Beside rasters, which the flags are for, photographs are read as in the training.
        with_flags = arguments.raster is False
        source = ImageSource(arguments.bands, arguments.value_range) if with_flags else PHOTOGRAPHS
        return Predictor(
            arguments.checkpoint,
            arguments.protocol,
            arguments.device,
            arguments.precision,
            arguments.engine,
            image_source=source,
            threshold=None if arguments.threshold == 0.5 else arguments.threshold,
            confidence=arguments.confidence,
            probabilities=arguments.probabilities,
        )

    plan = make_plan(arguments, lambda: opened().preprocessing.source)
    for note in plan.notes():
        say(f"note: {note}", error=True)
    predictor = opened()
    class_indices(arguments.clear, predictor.names)
    ranking = Ranking(predictor) if arguments.rank else None
    failures: list[InputError] = []
    predicted: list[Path] = []
    with progress_bar() as bar:
        photographs = plan.of_kind("image")
        task = bar.add_task("predicting", total=len(photographs), visible=bool(photographs))
        for segmentation in predictor.stream(photographs, arguments.batch_size, on_error=failures.append):
            path = segmentation.path
            assert isinstance(path, Path)
            # The plan has checked all names, and files of this run are not checked again: overwrite=True.
            segmentation.save(
                arguments.out, plan.stems[path], arguments.overlay, arguments.opacity, True, arguments.clear
            )
            if ranking is not None:
                ranking.add(segmentation, plan.stems[path])
            predicted.append(path)
            bar.advance(task)
        for path in plan.of_kind("video", "raster"):
            task = bar.add_task(path.name, total=None)

            def progress(done: int, total: int | None, task: Any = task) -> None:
                bar.update(task, completed=done, total=total)

            try:
                if plan.kinds[path] == "video":
                    _predict_video(predictor, path, plan.stems[path], arguments, progress)
                else:
                    bands = arguments.bands or plan.bands.get(path)
                    _predict_raster(predictor, path, plan.stems[path], bands, arguments, progress)
                predicted.append(path)
            except UnwritableError:  # it would be the same for the next file
                raise
            except InputError as error:
                bar.remove_task(task)
                failures.append(error)
    if ranking is not None and ranking.images:
        ranking.save(arguments.out, overwrite=True)
        Terminal().print(ranking.table())
    if arguments.areas:
        tabled = [path for path in plan.of_kind("image", "raster") if path in predicted]
        files = (Path(arguments.out, f"{plan.stems[path]}.json") for path in tabled)
        write_areas(arguments.out, (json.loads(file.read_text(encoding="utf-8")) for file in files))
    for failure in failures:
        say(f"encnet: {shown(with_flag(failure, FLAGS), LONGEST)}", error=True)
    for line in plan.finish(predicted):
        say(line)
    say(f"wrote {len(predicted)} {'prediction' if len(predicted) == 1 else 'predictions'} to {arguments.out}")
    return WRONG_INPUT if failures else 0 if plan.complete else INCOMPLETE


def _predict_video(predictor: Any, path: Path, stem: str, arguments: Any, progress: Callable[..., None]) -> None:
    from encnet.inference.media.video import predict_video

    predict_video(
        predictor,
        path,
        arguments.out,
        stem,
        overlay=arguments.overlay,
        opacity=arguments.opacity,
        overwrite=True,
        clear=arguments.clear,
        frames=arguments.frames,
        context_memory=arguments.context_memory,
        batch_size=arguments.batch_size,
        progress=progress,
    )


def _predict_raster(
    predictor: Any, path: Path, stem: str, bands: Any, arguments: Any, progress: Callable[..., None]
) -> None:
    from encnet.inference.media.raster import predict_raster

    predict_raster(
        predictor,
        path,
        arguments.out,
        stem,
        bands=bands,
        value_range=arguments.value_range,
        overlay=arguments.overlay,
        opacity=arguments.opacity,
        overwrite=True,
        clear=arguments.clear,
        progress=progress,
    )
