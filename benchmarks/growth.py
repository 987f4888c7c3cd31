"""Growth of prediction time with pixels and with classes, and the memory of one large image."""

from __future__ import annotations

import copy
import json
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.comparison import check_sizes
from benchmarks.inference import EnginePrediction, export_all, file_of
from benchmarks.measure import machine
from benchmarks.networks import untrained, widened
from benchmarks.picture import draw_growth
from encnet.benchmark.drawn import drawn_images
from encnet.benchmark.measure import PAUSE, SMALL_SIDE, interleaved, memory_of_run, timed
from encnet.checkpoint.encnet import EncNet
from encnet.inference.predictor import Predictor
from encnet.system.errors import InputError
from encnet.system.files import write_text
from encnet.system.memory import keep_freed_memory

SIZES = ((256, 256), (512, 512), (1024, 1024), (2048, 2048))
CLASS_COUNTS = (19, 150, 1000)
LARGE = (4000, 6000)


def benchmark_growth(
    folder: str | Path,
    variant: str = "encnet_resnet50",
    classes: int = 150,
    sizes: Sequence[tuple[int, int]] = SIZES,
    class_counts: Sequence[int] = CLASS_COUNTS,
    size: tuple[int, int] = (512, 512),
    large: tuple[int, int] | None = LARGE,
    repeats: int = 3,
) -> Path:
    """Times prediction by number of pixels and by number of classes, and measures the memory of one large image, with
    PyTorch in fp32 on the CPU.

    Args:
        folder: where growth.json and growth.png are written.
        variant: of :func:`encnet.list_models`.
        classes: number of classes where the number of pixels varies, and of the large image.
        sizes: heights and widths that are compared.
        class_counts: numbers of classes that are compared.
        size: height and width of the images where the number of classes varies.
        large: height and width of the image whose memory is measured, in shared-context tiles; None leaves it out.
        repeats: timed runs of each size and number of classes, after one that is not counted.

    Returns:
        Path of the JSON. "pixels" and "classes" hold "rows" and "spread": the highest time per pixel, or the highest
        time without the classifier, divided by the lowest. The time without the classifier is the whole time less that
        of the classifier's product of classes and features, timed alone. "large" holds the "peak_megabytes" of the
        process and the "added_megabytes" of the run.

    Raises:
        InputError: an argument is out of its range, or the variant's classifier cannot be timed alone.
    """
    if not sizes or not class_counts:
        raise InputError("there is nothing to compare; give at least one size and one number of classes", "sizes")
    for height, width in (*sizes, size, *([large] if large else [])):
        check_sizes({"height": 16, "width": 16}, height=height, width=width)
    check_sizes({}, repeats=repeats, classes=min(classes, *class_counts))
    keep_freed_memory()
    classes_result = by_classes(variant, class_counts, size, repeats)  # first, as it finds out whether that is possible
    with tempfile.TemporaryDirectory(prefix="encnet-benchmark-") as temporary:
        models = Path(temporary)
        export_all(variant, classes, ["pytorch"], models)
        path = str(file_of(variant, "pytorch", "fp32", models))
        form = EnginePrediction(variant, "fp32", path, "pytorch", variant, classes)
        result = {
            "pixels": by_pixels(form, sizes, repeats),
            "classes": classes_result,
            "large": None if large is None else memory_of_large(form, large),
        }
    setting = {"variant": variant, "classes": classes, "size": list(size), "repeats": repeats}
    title = f"Growth of a prediction, {variant}, PyTorch, fp32: medians of {repeats} runs"
    for table in _tables(title, setting, result):
        Console(width=110).print(table)
    path = Path(folder) / "growth.json"
    report = {"title": title, "setting": setting, "machine": machine(), **result}
    write_text(path, json.dumps(report, indent=2) + "\n")
    draw_growth(report, path.with_suffix(".png"))
    return path


def by_pixels(form: EnginePrediction, sizes: Sequence[tuple[int, int]], repeats: int) -> dict[str, Any]:
    """Median seconds per image of each size; the runs take turns."""
    runs = {f"{height}x{width}": timed(form.prepare((1, height, width))) for height, width in sizes}
    seconds = interleaved(runs, repeats, PAUSE)
    rows = []
    for height, width in sizes:
        median = statistics.median(seconds[f"{height}x{width}"])
        rows.append(
            {
                "height": height,
                "width": width,
                "pixels": height * width,
                "median_seconds": median,
                "nanoseconds_per_pixel": 1e9 * median / (height * width),
            }
        )
    return {"rows": rows, "spread": _spread([row["nanoseconds_per_pixel"] for row in rows])}


def by_classes(variant: str, counts: Sequence[int], size: tuple[int, int], repeats: int) -> dict[str, Any]:
    """Median seconds per image for each number of classes, and of the classifier alone; the runs take turns."""
    images = drawn_images((1, *size))
    runs: dict[str, Callable[[], float]] = {}
    for count in counts:
        network = widened(untrained(variant, 2), count)
        runs[f"classifier of {count}"] = timed(classifier_alone(network, size))
        predictor = Predictor(network, device="cpu", engine="pytorch")
        runs[f"{count} classes"] = timed(partial(predictor.labels, images))
    seconds = interleaved(runs, repeats, PAUSE)
    rows = []
    for count in counts:
        median = statistics.median(seconds[f"{count} classes"])
        classifier = statistics.median(seconds[f"classifier of {count}"])
        rows.append(
            {
                "classes": count,
                "median_seconds": median,
                "classifier_seconds": classifier,
                "without_classifier_seconds": median - classifier,
            }
        )
    return {"rows": rows, "spread": _spread([row["without_classifier_seconds"] for row in rows])}


def memory_of_large(form: EnginePrediction, large: tuple[int, int]) -> dict[str, Any]:
    """Memory of predicting one large image in shared-context tiles, in a process of its own."""
    form = replace(form, protocol="tiled")
    memory = memory_of_run(form.prepare, ((1, *large),), small=((1, SMALL_SIDE, SMALL_SIDE),))
    return {"height": large[0], "width": large[1], "peak_megabytes": memory.peak, "added_megabytes": memory.added}


def classifier_alone(network: EncNet, size: tuple[int, int]) -> Callable[[], object]:
    """Returns a run of a network's classifier alone, on random features of the shape that an image of a size gives.

    Raises:
        InputError: the network does not apply its classifier as a whole.
    """
    classifier: Any = network.head.classifier
    shapes: list[torch.Size] = []
    hook = classifier.register_forward_pre_hook(lambda module, inputs: shapes.append(inputs[0].shape))
    with torch.inference_mode():
        network(torch.zeros(1, 3, *size), full_size=False)
    hook.remove()
    if not shapes:
        name = network.info.variant
        raise InputError(
            f"{name} applies its classifier block by block, where it cannot be timed alone; choose another", "variant"
        )
    features = torch.randn(shapes[0]).contiguous(memory_format=torch.channels_last)
    alone: Any = copy.deepcopy(classifier).to(memory_format=torch.channels_last)

    def run() -> Tensor:
        with torch.inference_mode():
            return alone(features)

    return run


def _spread(values: Sequence[float]) -> float:
    return max(values) / min(values)


def _tables(title: str, setting: Mapping[str, Any], result: Mapping[str, Any]) -> list[Table]:
    pixels = Table(
        title=f"{title}\n{setting['classes']} classes; highest over lowest time per pixel: "
        f"{result['pixels']['spread']:.2f}"
    )
    for column in ("size", "time", "per pixel"):
        pixels.add_column(column, justify="right")
    for row in result["pixels"]["rows"]:
        size = f"{row['height']}x{row['width']}"
        pixels.add_row(size, f"{1000 * row['median_seconds']:.0f} ms", f"{row['nanoseconds_per_pixel']:.0f} ns")
    height, width = setting["size"]
    classes = Table(
        title=f"{height}x{width}; highest over lowest time without the classifier: {result['classes']['spread']:.2f}"
    )
    for column in ("classes", "time", "classifier alone", "without it"):
        classes.add_column(column, justify="right")
    for row in result["classes"]["rows"]:
        times = (row["median_seconds"], row["classifier_seconds"], row["without_classifier_seconds"])
        classes.add_row(str(row["classes"]), *(f"{1000 * seconds:.1f} ms" for seconds in times))
    tables = [pixels, classes]
    if result["large"] is not None:
        large = result["large"]
        memory = Table(
            title=f"{large['height']}x{large['width']} in shared-context tiles, {setting['classes']} classes"
        )
        memory.add_column("memory added", justify="right")
        memory.add_column("peak of the process", justify="right")
        memory.add_row(f"{large['added_megabytes']:.0f} MB", f"{large['peak_megabytes']:.0f} MB")
        tables.append(memory)
    return tables
