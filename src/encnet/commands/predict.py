"""`encnet predict`: segments photographs, videos and rasters."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encnet.commands.command import WRONG_INPUT, add_engine
from encnet.errors import InputError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from encnet.inference.inputs import Kind

SUMMARY = "segments photographs, videos and rasters"


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.inference.protocol import Protocol

    parser.add_argument("checkpoint", type=str, help="a checkpoint, or an exported model: .onnx, .xml or .pt2")
    parser.add_argument("images", type=str, nargs="+", help="images, videos, GeoTIFFs; folders of images, or globs")
    parser.add_argument("--out", type=str, default="predictions", help="folder for label maps, overlays and presence")
    parser.add_argument("--overlay", type=bool, default=True, help="write overlays too")
    parser.add_argument("--opacity", type=float, default=0.5, help="of the overlays' colours, 0 to 1")
    parser.add_argument("--batch_size", type=int, default=4, help="images of one size that are predicted together")
    parser.add_argument(
        "--rank",
        type=bool,
        default=False,
        help="write ranking.json too, and show where pixels and presence disagree most: what to look at first",
    )
    parser.add_argument("--frames", type=bool, default=False, help="videos: write each label map as a PNG too")
    parser.add_argument(
        "--context_memory",
        "--context-memory",
        type=float,
        default=0.0,
        help="videos: weight of the frames before in the context of each, for example 0.9; 0 takes each by itself",
    )
    parser.add_argument(
        "--raster",
        type=bool | None,
        default=None,
        help="see the files as rasters, by window and at their own resolution: whatever rasterio reads; none does so"
        " with TIFFs that are georeferenced, very large, or of other than photographs' bands",
    )
    parser.add_argument(
        "--bands", type=_bands, default=None, help="rasters: which bands are red, green and blue, for example 4,3,2"
    )
    parser.add_argument(
        "--value_range",
        "--value-range",
        type=_value_range,
        default=None,
        help="rasters: the values that are black and white, for example 0,3000; bands of bytes need none",
    )
    parser.add_argument("--protocol", type=Protocol, default=Protocol())
    add_engine(parser)


def run(arguments: Any) -> int:
    from rich.console import Console

    from encnet.allocator import keep_freed_memory
    from encnet.inference import Predictor, expand_inputs, output_stems
    from encnet.inference.ranking import RANKING, Ranking

    if arguments.protocol.mode != "tiled":  # tiles are for images that memory is scarce for
        keep_freed_memory()
    paths = expand_inputs(arguments.images)
    if not 0 <= arguments.opacity <= 1:
        raise InputError(f"--opacity is {arguments.opacity}; it must be from 0 to 1")
    files = _by_kind(paths, arguments.raster)
    predictor = Predictor(
        arguments.checkpoint, arguments.protocol, arguments.device, arguments.precision, arguments.engine
    )
    ranking = Ranking(predictor) if arguments.rank else None
    failures: list[InputError] = []
    stems = dict(zip(paths, output_stems(paths, [RANKING] if arguments.rank else ()), strict=True))
    with _bar() as bar:
        task = bar.add_task("predicting", total=len(files["image"]), visible=bool(files["image"]))
        for segmentation in predictor.stream(files["image"], arguments.batch_size, on_error=failures.append):
            assert segmentation.path is not None
            segmentation.save(arguments.out, stems[segmentation.path], arguments.overlay, arguments.opacity)
            if ranking is not None:
                ranking.add(segmentation, stems[segmentation.path])
            bar.advance(task)
        for path in [*files["video"], *files["raster"]]:
            task = bar.add_task(path.name, total=None)

            def progress(done: int, total: int | None, task: Any = task) -> None:
                bar.update(task, completed=done, total=total)

            try:
                if path in files["video"]:
                    _predict_video(predictor, path, stems[path], arguments, progress)
                else:
                    _predict_raster(predictor, path, stems[path], arguments, progress)
            except InputError as error:
                bar.remove_task(task)
                failures.append(error)
    if ranking is not None and ranking.images:
        ranking.save(arguments.out)
        Console().print(ranking.table())
    for failure in failures:
        print(f"encnet: {failure}", file=sys.stderr)
    written = len(paths) - len(failures)
    print(f"wrote {written} {'prediction' if written == 1 else 'predictions'} to {arguments.out}")
    return WRONG_INPUT if failures else 0


def _by_kind(paths: list[Path], raster: bool | None) -> dict[Kind, list[Path]]:
    """The files of each kind; ``raster`` says of all but videos whether they are rasters."""
    from encnet.inference.inputs import kind_of

    files: dict[Kind, list[Path]] = {"image": [], "video": [], "raster": []}
    for path in paths:
        kind = kind_of(path)
        files[kind if raster is None or kind == "video" else "raster" if raster else "image"].append(path)
    return files


def _predict_video(predictor: Any, path: Path, stem: str, arguments: Any, progress: Callable[..., None]) -> None:
    from encnet.inference.video import predict_video

    predict_video(
        predictor,
        path,
        arguments.out,
        stem,
        overlay=arguments.overlay,
        opacity=arguments.opacity,
        frames=arguments.frames,
        context_memory=arguments.context_memory,
        batch_size=arguments.batch_size,
        progress=progress,
    )


def _predict_raster(predictor: Any, path: Path, stem: str, arguments: Any, progress: Callable[..., None]) -> None:
    from encnet.inference.raster import predict_raster

    predict_raster(
        predictor,
        path,
        arguments.out,
        stem,
        bands=arguments.bands,
        value_range=arguments.value_range,
        overlay=arguments.overlay,
        opacity=arguments.opacity,
        progress=progress,
    )


def _bands(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _numbers(text, 3))


def _value_range(text: str) -> tuple[float, ...]:
    return _numbers(text, 2)


def _numbers(text: str, count: int) -> tuple[float, ...]:
    """``4,3,2``, also in brackets."""
    try:
        numbers = tuple(float(part) for part in str(text).strip("()[] ").split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise ArgumentTypeError(f"{text!r} is not {count} numbers with commas between them")
    return numbers


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))
