"""Prediction in shared-context tiles and by sliding window, beside the whole image: differences, time and memory."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.comparison import check_sizes
from benchmarks.measure import machine
from benchmarks.networks import untrained
from encnet.benchmark.drawn import drawn_images
from encnet.benchmark.measure import PAUSE, SMALL_SIDE, interleaved, memory_of_run, timed
from encnet.checkpoint.loading import load
from encnet.data.source import read_image
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import Protocol
from encnet.inference.protocols.shared_context_images import scores_in_tiles
from encnet.system.files import write_text

SIZE = (1440, 1920)
"""Height and width of the image."""
TILES = (512, 768, 1024)
"""Sides of the square tiles and windows."""
LARGE = (2880, 3840)
"""Height and width of another image, whose memory is measured."""

WHOLE, SHARED_CONTEXT, SLIDING_WINDOW = "whole image", "shared-context tiles", "sliding window"


@dataclass(frozen=True)
class Way:
    """A way of predicting an image."""

    name: str
    protocol: Protocol
    checkpoint: str | None
    photograph: str | None
    variant: str
    classes: int

    def prepare(self, size: tuple[int, int]) -> Callable[[], object]:
        """Returns a run that predicts an image of a size; it can be prepared in another process."""
        predictor, image = self.predictor(), self.image(size)
        return lambda: predictor.labels(image)

    def predictor(self) -> Predictor:
        """Builds the predictor."""
        model = untrained(self.variant, self.classes) if self.checkpoint is None else load(self.checkpoint)
        model.info.long_side = None  # the network sees the image at the given size
        return Predictor(model, self.protocol, device="cpu", engine="pytorch")

    def image(self, size: tuple[int, int]) -> np.ndarray:
        """The photograph or a drawn scene, resized: uint8 (1, H, W, 3)."""
        if self.photograph is None:
            return drawn_images((1, *size))
        return np.asarray(read_image(self.photograph).resize((size[1], size[0]), Image.Resampling.BICUBIC))[None]


def benchmark_shared_context(
    folder: str | Path,
    checkpoint: str | None = None,
    photograph: str | None = None,
    variant: str = "encnet_lite0",
    classes: int = 11,
    size: tuple[int, int] = SIZE,
    tiles: Sequence[int] = TILES,
    margin: int = 128,
    large: tuple[int, int] | None = LARGE,
    repeats: int = 3,
) -> Path:
    """Predicts an image whole, in shared-context tiles, and by sliding window with the same size and overlap, as other
    code bases do it. PyTorch, fp32, on the CPU.

    Args:
        folder: where shared_context.json is written.
        checkpoint: the network; None takes an untrained one.
        photograph: the image, which is resized; None draws a scene.
        variant: variant of the untrained network, of :func:`encnet.list_models`.
        classes: number of classes of the untrained network.
        size: height and width of the image in pixels.
        tiles: sides of the square tiles and windows in pixels.
        margin: margin of the tiles in pixels, as in :class:`Protocol`.
        large: height and width of another image, whose memory is measured; None leaves it out.
        repeats: timed runs of each way, after one that is not counted.

    Returns:
        Path of the JSON. For each way: "equal_pixels", the share of pixels with the same label as in the whole image;
        "presence_difference", the largest over classes; "median_seconds"; and except for sliding windows
        "logit_difference", the mean of |Δlogit| at the head's resolution, "added_megabytes", and "large_megabytes" for
        the large image. "logit_spread" in "setting" is the standard deviation of the whole image's logits over places,
        averaged over classes.

    Raises:
        InputError: an argument is out of its range, or a file cannot be read.
    """
    check_sizes({"height": 32, "width": 32}, height=size[0], width=size[1])
    if large is not None:
        check_sizes({"height": 32, "width": 32}, height=large[0], width=large[1])
    check_sizes({}, repeats=repeats, classes=classes)
    protocols = {(WHOLE, 0): Protocol()}
    for tile in tiles:
        protocols[SHARED_CONTEXT, tile] = Protocol("tiled", (tile, tile), margin=margin)
        protocols[SLIDING_WINDOW, tile] = Protocol("sliding", (tile, tile), (tile - 2 * margin) / tile)
    ways = {
        (name, tile): Way(name, protocol, checkpoint, photograph, variant, classes)
        for (name, tile), protocol in protocols.items()
    }
    predictors = {key: way.predictor() for key, way in ways.items()}
    image = ways[WHOLE, 0].image(size)
    whole = _predicted(predictors[WHOLE, 0], image)
    assert whole.logits is not None
    rows = []
    for (name, tile), predictor in predictors.items():
        prediction = _predicted(predictor, image)
        figures = {"equal_pixels": float((prediction.labels == whole.labels).mean())}
        if prediction.logits is not None:
            figures["logit_difference"] = float((prediction.logits - whole.logits).abs().mean())
        if prediction.presence is not None and whole.presence is not None:
            figures["presence_difference"] = float(np.abs(prediction.presence - whole.presence).max())
        if name != SLIDING_WINDOW:
            figures |= _megabytes(ways[name, tile], size, large)
        rows.append({"way": name, "tile": tile, **figures})
    runs = {f"{name} {tile}": timed(ways[name, tile].prepare(size)) for name, tile in ways}
    for row, seconds in zip(rows, interleaved(runs, repeats, PAUSE).values(), strict=True):
        row["median_seconds"] = statistics.median(seconds)
    setting = {
        "variant": predictors[WHOLE, 0].description.info.variant,
        "checkpoint": checkpoint is not None,
        "photograph": photograph is not None,
        "height": size[0],
        "width": size[1],
        "margin": margin,
        "large": large,
        "repeats": repeats,
        "logit_spread": float(whole.logits.std(dim=(2, 3)).mean()),
    }
    path = Path(folder) / "shared_context.json"
    write_text(path, json.dumps({"setting": setting, "machine": machine(), "rows": rows}, indent=2) + "\n")
    table = Table(title=_title(setting), caption=f"margins of {margin}; PyTorch, fp32, medians of {repeats} runs")
    for column in headings(setting):
        table.add_column(column, justify="left" if column == "way" else "right")
    for row in rows:
        table.add_row(*cells(row))
    Console(width=150).print(table)
    return path


def headings(setting: Mapping[str, Any]) -> tuple[str, ...]:
    """Headings of the table's columns."""
    columns = (
        "way",
        "tile",
        "equal pixels",
        "mean change of logits",
        "largest change of presence",
        "time",
        "memory added",
    )
    large = setting["large"]
    return *columns, "of a larger image" if large is None else f"at {large[0]}x{large[1]}"


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The cells of a row of the table."""

    def number(name: str, form: str) -> str:
        return form.format(row[name]) if name in row else ""

    return (
        row["way"],
        f"{row['tile']}" if row["tile"] else "",
        f"{100 * row['equal_pixels']:.2f} %",
        number("logit_difference", "{:.4f}"),
        number("presence_difference", "{:.4f}"),
        f"{row['median_seconds']:.2f} s",
        number("added_megabytes", "{:.0f} MB"),
        number("large_megabytes", "{:.0f} MB"),
    )


def section(report: Mapping[str, Any]) -> tuple[str, str]:
    """Title of the section on the performance page, and the text before its table."""
    setting = report["setting"]
    network = f"a trained {setting['variant']}" if setting["checkpoint"] else f"an untrained {setting['variant']}"
    picture = "a photograph" if setting["photograph"] else "a drawn scene"
    return _title(setting), (
        f"`python -m benchmarks shared_context`: {network} on {picture}, PyTorch, fp32; differences from the prediction"
        f" of the whole image. Tiles and windows overlap by {2 * setting['margin']} pixels or more. The logits of a"
        f" class have a standard deviation of {setting['logit_spread']:.2f} over the image."
    )


class _Prediction(NamedTuple):
    labels: np.ndarray
    presence: np.ndarray | None
    logits: Tensor | None  # at the head's resolution; None where each tile has its own context


def _predicted(predictor: Predictor, image: np.ndarray) -> _Prediction:
    labels, presence = predictor.labels(image)
    logits = None
    if predictor.protocol.mode == "whole":
        logits = cast("Tensor", predictor.engine(image).logits)
    elif predictor.protocol.mode == "tiled":
        logits = cast("Tensor", scores_in_tiles(predictor.tiles(image.shape[1:3]), image).logits)
    return _Prediction(labels, presence, logits)


def _megabytes(way: Way, size: tuple[int, int], large: tuple[int, int] | None) -> dict[str, float]:
    """The memory that a prediction adds to a process of its own."""
    sizes = {"added_megabytes": size, "large_megabytes": large}
    small = ((SMALL_SIDE, SMALL_SIDE),)
    return {name: memory_of_run(way.prepare, (pixels,), small).added for name, pixels in sizes.items() if pixels}


def _title(setting: Mapping[str, Any]) -> str:
    return f"Shared-context tiles, {setting['variant']} at {setting['height']}x{setting['width']}"
