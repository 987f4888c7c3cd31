"""The cost of context encoding being a sum over pixels: one network on a data set at several image sizes."""

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
from rich.table import Table

from encnet.checkpoint.loading import load
from encnet.data.formats import read_dataset
from encnet.data.pixels import picture
from encnet.inference.argmax import most_probable
from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.inference.preprocessing import Preprocessing, filled
from encnet.metrics.pixels import SegmentationMetrics
from encnet.metrics.scores import Scores
from encnet.system.errors import InputError
from encnet.system.files import write_text
from encnet.system.progress import progress_bar

AREAS = (0.5, 0.7, 1.0, 1.4, 2.0)
"""Areas of the images, relative to the crop that the network was trained with."""

AS_THEY_ARE, SCALED = WAYS = ("sums as they are", "scaled to the crop")
"""Ways of computing E."""


def benchmark_resolution(
    folder: str | Path,
    checkpoint: str | Path,
    dataset: str | Path,
    split: str = "val",
    areas: Sequence[float] = AREAS,
    limit: int | None = None,
) -> Path:
    """Scores a network on the images of a split, resized to several areas, with both ways of normalising E.

    E is a sum over the N pixels of the feature map; its batch norm was trained on sums over the N₀ pixels of crops.
    Each image is run once at each area; its sums give two scenes, from E and from E·N₀/N, and two label maps, which are
    compared with the truth at the image's own size.

    Args:
        folder: where resolution.json is written.
        checkpoint: a trained network, with its training crop in ``info.training``.
        dataset: folder of a data set with the network's classes.
        split: a split that has label maps.
        areas: areas of the resized images, relative to that of the crop.
        limit: use only so many images, the first ones; None is all.

    Returns:
        Path of resolution.json: for each area and way the mean IoU, the IoU of each class, and the mean average
        precision and F1 of presence, all 0-1.

    Raises:
        InputError: the checkpoint has no context encoding or does not tell its crop, or a file cannot be read.
    """
    if not areas or min(areas) <= 0:
        raise InputError(f"areas is {list(areas)}; give one or more positive numbers", "areas")
    model = load(checkpoint)
    crop = model.info.training.get("crop")
    if model.head.context is None or not isinstance(crop, list):
        raise InputError(f"{checkpoint} has no context encoding, or does not tell with which crop it was trained")
    index = read_dataset(dataset)
    samples, names = index.split(split)[:limit], index.labels.names
    if model.num_classes != len(names):
        raise InputError(
            f"{checkpoint} has {model.num_classes} classes and {index.name} {len(names)}; give a data set with the"
            " model's classes"
        )
    engine = PyTorchEngine(model, device="cpu")
    network, reference = engine.network, model.context_pixels(*crop)
    preprocessing = Preprocessing.of(model.info, network.align_corners)
    metrics = {
        (area, way): SegmentationMetrics(len(names), names, presence=network.head.presence is not None)
        for area in areas
        for way in WAYS
    }
    with progress_bar() as bar, engine.computing():
        for sample in bar.track(samples, description=f"{index.name} {split}"):
            if sample.label is None:
                raise InputError(f"{sample.image} has no label map; choose a split that has them")
            image = picture(index.source.read(sample.image).pixels)
            truth = torch.from_numpy(index.labels.load(sample.label))[None]
            for area in areas:
                seen = np.asarray(resized(image, area * crop[0] * crop[1]))[None]
                filling = preprocessing.filling(seen.shape[1:3], (image.height, image.width))
                features = network.prepare(engine.normalised(filled(seen, filling.size)))
                sums = network.sums(features.features)
                for way in WAYS:
                    network.info.context_pixels = reference if way == SCALED else None
                    scene = network.scene(sums)
                    assert scene is not None
                    logits = network.classify(features, scene)
                    covered = filling.covered
                    labels = most_probable(logits, covered, network.align_corners)[:, : image.height, : image.width]
                    presence = None if scene.presence is None else network.presence_probabilities(scene.presence)
                    metrics[area, way].update(labels, truth, presence)
    results = [
        {"area": area, "way": way, "pixels": round(area * crop[0] * crop[1]), **_numbers(scores.compute())}
        for (area, way), scores in metrics.items()
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
    """Resizes an image to about ``area`` pixels, with the same proportion of its sides."""
    factor = math.sqrt(area / (image.width * image.height))
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)


def _numbers(scores: Scores) -> dict[str, Any]:
    """Scores as JSON types."""
    return {
        "mean_iou": scores.mean_iou,
        "iou": {
            name: None if np.isnan(iou) else float(iou) for name, iou in zip(scores.names, scores.iou, strict=True)
        },
        "presence_average_precision": scores.mean_presence_average_precision,
        "presence_f1": scores.mean_presence_f1,
    }


def _table(results: Sequence[dict[str, Any]], title: str) -> Table:
    table = Table(title=f"{title}: in %", caption="area: of the image, relative to the training crop")
    table.add_column("area", justify="right")
    table.add_column("E")
    for column in ("mean IoU", "presence AP", "presence F1"):
        table.add_column(column, justify="right")
    for result in results:
        values = (result[name] for name in ("mean_iou", "presence_average_precision", "presence_f1"))
        cells = ("" if value is None else f"{100 * value:.2f}" for value in values)
        table.add_row(f"{result['area']:g}", result["way"], *cells)
    return table
