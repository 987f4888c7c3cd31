"""Prediction in tiles beside prediction of the whole image: what becomes different, time and memory."""

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

from encnet.benchmark.comparison import PAUSE, SMALL_SIDE, check_sizes
from encnet.benchmark.measure import interleaved, machine, memory_of_run, timed
from encnet.benchmark.networks import drawn_images, untrained
from encnet.data.images import read_image
from encnet.files import write_text
from encnet.inference.predictor import Predictor
from encnet.inference.protocol import Protocol
from encnet.inference.tiled import scores_in_tiles
from encnet.model.loading import load

SIZE = (1440, 1920)
TILES = (512, 768, 1024)
LARGE = (2880, 3840)

WHOLE, ONE_CONTEXT, OWN_CONTEXT = "whole image", "one context", "a context for each tile"


@dataclass(frozen=True)
class Way:
    """How an image is predicted."""

    name: str
    protocol: Protocol
    checkpoint: str | None
    photograph: str | None
    variant: str
    classes: int

    def prepare(self, size: tuple[int, int]) -> Callable[[], object]:
        """The prediction of an image of a size; it can be prepared in another process."""
        predictor, image = self.predictor(), self.image(size)
        return lambda: predictor.labels(image)

    def predictor(self) -> Predictor:
        model = untrained(self.variant, self.classes) if self.checkpoint is None else load(self.checkpoint)
        model.info.long_side = None  # the network sees the image at the size that is asked for
        return Predictor(model, self.protocol, device="cpu", engine="pytorch")

    def image(self, size: tuple[int, int]) -> np.ndarray:
        """The photograph, or a drawn scene, brought to a size: uint8 (1, H, W, 3)."""
        if self.photograph is None:
            return drawn_images((1, *size))
        return np.asarray(read_image(self.photograph).resize((size[1], size[0]), Image.Resampling.BICUBIC))[None]


def benchmark_tiles(
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
    """Predicts an image whole; in tiles with one context; and in tiles of the same size and overlap with a context of
    their own, as other code bases do it. PyTorch, fp32, on the CPU.

    Args:
        folder: gets tiles.json.
        checkpoint: of the network; None takes an untrained one.
        photograph: the image, resized; None draws a scene.
        variant: of :func:`encnet.list_models`, without a checkpoint.
        classes: how many, without a checkpoint.
        size: height and width of the image in pixels.
        tiles: sides of the square tiles.
        margin: of :class:`Protocol`.
        large: height and width of another image, whose memory is measured; None leaves it out.
        repeats: timed runs of each way, after one that is not counted.

    Returns:
        path of the JSON. Of each way "equal_pixels", the share of pixels with the labels of the whole image;
        "logit_difference", the mean of |Δlogit| at the head's resolution, where the contexts are one, beside
        "logit_spread", the standard deviation of the whole image's logits over its places, averaged over classes;
        "presence_difference", the greatest of the classes; "median_seconds"; and but for tiles with a context of their
        own, "added_megabytes" and "large_megabytes", of the large image.

    Raises:
        InputError: an argument is out of its range, or a file cannot be read.
    """
    check_sizes({"height": 32, "width": 32}, height=size[0], width=size[1])
    if large is not None:
        check_sizes({"height": 32, "width": 32}, height=large[0], width=large[1])
    check_sizes({}, repeats=repeats, classes=classes)
    protocols = {(WHOLE, 0): Protocol()}
    for tile in tiles:
        protocols[ONE_CONTEXT, tile] = Protocol("tiled", (tile, tile), margin=margin)
        protocols[OWN_CONTEXT, tile] = Protocol("sliding", (tile, tile), (tile - 2 * margin) / tile)
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
        found = _predicted(predictor, image)
        own = {"equal_pixels": float((found.labels == whole.labels).mean())}
        if found.logits is not None:
            own["logit_difference"] = float((found.logits - whole.logits).abs().mean())
        if found.presence is not None and whole.presence is not None:
            own["presence_difference"] = float(np.abs(found.presence - whole.presence).max())
        if name != OWN_CONTEXT:
            own |= _megabytes(ways[name, tile], size, large)
        rows.append({"way": name, "tile": tile, **own})
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
    path = Path(folder) / "tiles.json"
    write_text(path, json.dumps({"setting": setting, "machine": machine(), "rows": rows}, indent=2) + "\n")
    table = Table(title=_title(setting), caption=f"margins of {margin}; PyTorch, fp32, medians of {repeats} runs")
    for column in headings(setting):
        table.add_column(column, justify="left" if column == "way" else "right")
    for row in rows:
        table.add_row(*cells(row))
    Console(width=130).print(table)
    return path


def headings(setting: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns of the table."""
    columns = ("way", "tile", "equal pixels", "change of logits, mean", "of presence, at most", "time", "memory added")
    large = setting["large"]
    return *columns, "of a larger image" if large is None else f"at {large[0]}x{large[1]}"


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of the table."""

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
    """Title of the section of the page on performance, and what is said before its table."""
    setting = report["setting"]
    network = f"a trained {setting['variant']}" if setting["checkpoint"] else f"an untrained {setting['variant']}"
    picture = "a photograph" if setting["photograph"] else "a drawn scene"
    return _title(setting), (
        f"`encnet benchmark tiles`: {network} on {picture}, PyTorch, fp32; what is different from the whole image."
        f" Tiles overlap by {2 * setting['margin']} pixels or more. The logits of a class have a standard deviation of"
        f" {setting['logit_spread']:.2f} over the image."
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
        logits = cast("Tensor", scores_in_tiles(predictor.single_pass.mosaic(image.shape[1:3]), image).logits)
    return _Prediction(labels, presence, logits)


def _megabytes(way: Way, size: tuple[int, int], large: tuple[int, int] | None) -> dict[str, float]:
    """What a prediction adds to the memory of a process of its own."""
    sizes = {"added_megabytes": size, "large_megabytes": large}
    small = ((SMALL_SIDE, SMALL_SIDE),)
    return {name: memory_of_run(way.prepare, (each,), small).added for name, each in sizes.items() if each is not None}


def _title(setting: Mapping[str, Any]) -> str:
    return f"Tiles of one image, {setting['variant']} at {setting['height']}x{setting['width']}"
