"""`encnet predict`: segments photographs, videos and rasters."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from encnet.commands.command import INCOMPLETE, LONGEST, WRONG_INPUT, with_flag
from encnet.commands.predict_arguments import add_arguments, prepared
from encnet.system.errors import InputError
from encnet.system.text import counted, say, shown
from encnet.system.unwritable import UnwritableError

__all__ = ["SUMMARY", "add_arguments", "prepared", "run"]

SUMMARY = "segments photographs, videos and rasters"

FLAGS = ("--out", "--bands", "--value_range", "--raster", "--context_memory", "--threshold")
"""The flags whose arguments can be wrong for one file, and right for the next."""


def run(arguments: Any) -> int:
    from encnet.commands.predict_part import (
        failed_before,
        predicted_before,
        require_same_settings,
        resumable,
        settings_of,
        write_files_table,
    )
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
    settings, out = settings_of(arguments), Path(arguments.out)
    if arguments.resume:
        require_same_settings(out, settings)
    predictor = opened()
    class_indices(arguments.clear, predictor.names)
    ranking = Ranking(predictor) if arguments.rank else None
    failures: list[InputError] = []
    predicted: list[Path] = []
    with resumable(out, settings), progress_bar() as bar:
        photographs = plan.to_predict("image")
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
        for path in plan.to_predict("video", "raster"):
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
        tabled = [path for path in plan.of_kind("image", "raster") if path in plan.before or path in predicted]
        files = (Path(arguments.out, f"{plan.stems[path]}.json") for path in tabled)
        write_areas(arguments.out, (json.loads(file.read_text(encoding="utf-8")) for file in files))
    if arguments.resume or arguments.share is not None:
        done = plan.before.union(predicted, predicted_before(out, {path: plan.results[path] for path in plan.others}))
        failed = failed_before(out)
        write_files_table(out, plan.stems, lambda path: plan.fate(path, done, failed))
    for failure in failures:
        say(f"encnet: {shown(with_flag(failure, FLAGS), LONGEST)}", error=True)
    for line in plan.finish(predicted):
        say(line)
    say(f"wrote {counted(len(predicted), 'prediction')} to {arguments.out}")
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
