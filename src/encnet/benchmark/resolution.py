"""What it costs that the context encoding is a sum over pixels: one network on a data set at several sizes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from encnet.data.formats import read_dataset
from encnet.data.images import read_image
from encnet.errors import InputError
from encnet.files import write_text
from encnet.inference.alignment import covered_size, filled, fitting_size
from encnet.inference.decide import most_probable
from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.metrics import Scores, SegmentationMetrics
from encnet.model.loading import load

AREAS = (0.5, 0.7, 1.0, 1.4, 2.0)
"""Of the images, relative to the crop that the network was trained with."""

AS_THEY_ARE, SCALED = WAYS = ("sums as they are", "scaled to the crop")


def benchmark_resolution(
    folder: str | Path,
    checkpoint: str | Path,
    dataset: str | Path,
    split: str = "val",
    areas: Sequence[float] = AREAS,
    limit: int | None = None,
) -> Path:
    """Scores a network on the images of a split, resized to several areas, with both ways of normalising E.

    E is a sum over the N pixels of the feature map; its batch norm has seen those of training crops, N₀. Each image is
    run once at each area; from its sums come two scenes, of E and of E·N₀/N, and from these two label maps, which are
    compared with the truth at its own size.

    Args:
        folder: gets resolution.json.
        checkpoint: that says with which crop it was trained.
        dataset: folder of a data set with the network's classes.
        split: of it.
        areas: of the resized images, relative to the crop's.
        limit: only so many images, the first ones; None is all.

    Returns:
        path of resolution.json: for each area and way mean IoU, by class too, and the mean average precision and F1 of
        presence, all 0-1.

    Raises:
        InputError: the checkpoint has no context encoding or does not say its crop, or something cannot be read.
    """
    if not areas or min(areas) <= 0:
        raise InputError(f"areas is {list(areas)}; give one or more positive numbers")
    model = load(checkpoint)
    crop = model.info.training.get("crop")
    if model.head.context is None or not isinstance(crop, list):
        raise InputError(f"{checkpoint} has no context encoding, or does not say with which crop it was trained")
    index = read_dataset(dataset)
    samples, names = index.split(split)[:limit], index.labels.names
    if model.num_classes != len(names):
        raise InputError(
            f"{checkpoint} has {model.num_classes} classes and {index.name} {len(names)}; take its own data"
        )
    engine = PyTorchEngine(model, device="cpu")
    network, reference = engine.network, model.context_pixels(*crop)
    metrics = {
        (area, way): SegmentationMetrics(len(names), names, presence=network.head.presence is not None)
        for area in areas
        for way in WAYS
    }
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar, engine.computing():
        for sample in bar.track(samples, description=f"{index.name} {split}"):
            if sample.label is None:
                raise InputError(f"{sample.image} has no label map; choose a split that has them")
            image = read_image(sample.image)
            truth = torch.from_numpy(index.labels.load(sample.label))[None]
            for area in areas:
                seen = np.asarray(resized(image, area * crop[0] * crop[1]))[None]
                fitting = fitting_size(seen.shape[1:3], model.info, network.align_corners)
                features = network.prepare(engine.normalised(filled(seen, fitting)))
                sums = network.sums(features.features)
                for way in WAYS:
                    network.info.context_pixels = reference if way == SCALED else None
                    scene = network.scene(sums)
                    assert scene is not None
                    logits = network.classify(features, scene)
                    covered = covered_size((image.height, image.width), seen.shape[1:3], fitting)
                    labels = most_probable(logits, covered, network.align_corners)[:, : image.height, : image.width]
                    presence = None if scene.presence is None else network.presence_probabilities(scene.presence)
                    metrics[area, way].update(labels, truth, presence)
    results = [
        {"area": area, "way": way, "pixels": round(area * crop[0] * crop[1]), **_numbers(each.compute())}
        for (area, way), each in metrics.items()
    ]
    Console(width=110).print(_table(results, f"{model.info.variant} on {index.name} {split}, {len(samples)} images"))
    path = Path(folder) / "resolution.json"
    setting = {
        "checkpoint": str(checkpoint),
        "dataset": index.name,
        "split": split,
        "images": len(samples),
        "crop": crop,
    }
    write_text(path, json.dumps({"setting": setting, "results": results}, indent=2) + "\n")
    return path


def resized(image: Image.Image, area: float) -> Image.Image:
    """The image with about so many pixels, its sides in their proportion."""
    factor = math.sqrt(area / (image.width * image.height))
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)


def _numbers(scores: Scores) -> dict[str, Any]:
    return {
        "mean_iou": scores.mean_iou,
        "iou": {
            name: None if np.isnan(iou) else float(iou) for name, iou in zip(scores.names, scores.iou, strict=True)
        },
        "presence_average_precision": scores.mean_presence_average_precision,
        "presence_f1": scores.mean_presence_f1,
    }


def _table(results: Sequence[dict[str, Any]], title: str) -> Table:
    table = Table(title=f"{title}: in %", caption="area of the image, relative to the crop of training")
    table.add_column("area", justify="right")
    table.add_column("E")
    for column in ("mean IoU", "presence AP", "presence F1"):
        table.add_column(column, justify="right")
    for result in results:
        values = (result[name] for name in ("mean_iou", "presence_average_precision", "presence_f1"))
        cells = ("" if value is None else f"{100 * value:.2f}" for value in values)
        table.add_row(f"{result['area']:g}", result["way"], *cells)
    return table
