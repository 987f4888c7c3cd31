"""How the time of a prediction grows with pixels and with classes, and the memory of one large image."""

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

from encnet.allocator import keep_freed_memory
from encnet.benchmark.comparison import PAUSE, SMALL_SIDE, check_sizes
from encnet.benchmark.inference import EnginePrediction, export_all, file_of
from encnet.benchmark.measure import interleaved, machine, memory_of_run, timed
from encnet.benchmark.networks import drawn_images, untrained, widened
from encnet.benchmark.picture import draw_growth
from encnet.errors import InputError
from encnet.files import write_text
from encnet.inference.predictor import Predictor
from encnet.model.encnet import EncNet

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
    """Times prediction by number of pixels and by number of classes, and measures the memory of one large image: with
    PyTorch in fp32, on the CPU.

    Args:
        folder: gets growth.json and growth.png.
        variant: of :func:`encnet.list_models`.
        classes: number of classes, where pixels grow, and of the large image.
        sizes: heights and widths that are compared.
        class_counts: numbers of classes that are compared.
        size: height and width of the images where classes grow.
        large: height and width of the image whose memory is measured, by the protocol "tiled"; None leaves it out.
        repeats: timed runs of each, after one that is not counted.

    Returns:
        path of the JSON. "pixels" and "classes" hold "rows", and "spread": the highest time per pixel, or the highest
        time without the classifier, over the lowest. Without the classifier means less its own product of classes and
        features, timed alone. "large" holds the "peak_megabytes" of the process and what the run "added_megabytes".

    Raises:
        InputError: an argument is out of its range, or the variant's classifier cannot be timed alone.
    """
    if not sizes or not class_counts:
        raise InputError("there is nothing to compare; give at least one of sizes, and one of class_counts")
    for height, width in (*sizes, size, *([large] if large else [])):
        check_sizes({"height": 16, "width": 16}, height=height, width=width)
    check_sizes({}, repeats=repeats, classes=min(classes, *class_counts))
    keep_freed_memory()
    of_classes = by_classes(variant, class_counts, size, repeats)  # first, as it finds out whether that can be done
    with tempfile.TemporaryDirectory(prefix="encnet-benchmark-") as folder_of_model:
        models = Path(folder_of_model)
        export_all(variant, classes, ["pytorch"], models)
        path = str(file_of(variant, "pytorch", "fp32", models))
        form = EnginePrediction(variant, "fp32", path, "pytorch", variant, classes)
        result = {
            "pixels": by_pixels(form, sizes, repeats),
            "classes": of_classes,
            "large": None if large is None else of_large(form, large),
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
    """Median seconds of one image of each size; their runs take turns."""
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
    """Median seconds of one image with each number of classes, and of the classifier's own product; taking turns."""
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


def of_large(form: EnginePrediction, large: tuple[int, int]) -> dict[str, Any]:
    """Memory of predicting one large image, in tiles with one context, in a process of its own."""
    form = replace(form, protocol="tiled")
    memory = memory_of_run(form.prepare, ((1, *large),), small=((1, SMALL_SIDE, SMALL_SIDE),))
    return {"height": large[0], "width": large[1], "peak_megabytes": memory.peak, "added_megabytes": memory.added}


def classifier_alone(network: EncNet, size: tuple[int, int]) -> Callable[[], object]:
    """The classifier of a network on random features of the shape that it gets from an image of a size.

    Raises:
        InputError: it is not applied as a whole.
    """
    classifier: Any = network.head.classifier
    shapes: list[torch.Size] = []
    hook = classifier.register_forward_pre_hook(lambda module, inputs: shapes.append(inputs[0].shape))
    with torch.inference_mode():
        network(torch.zeros(1, 3, *size), full_size=False)
    hook.remove()
    if not shapes:
        name = network.info.variant
        raise InputError(f"{name} applies its classifier tile by tile, where it cannot be timed alone; choose another")
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
        memory = Table(title=f"one image of {large['height']}x{large['width']} in tiles, {setting['classes']} classes")
        memory.add_column("memory added", justify="right")
        memory.add_column("process at most", justify="right")
        memory.add_row(f"{large['added_megabytes']:.0f} MB", f"{large['peak_megabytes']:.0f} MB")
        tables.append(memory)
    return tables
