"""Chooses the strength of the presence prior on labelled images."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.table import Table

from encnet.checkpoint.loading import load
from encnet.data.class_indices import for_torch
from encnet.data.dataset import DatasetIndex
from encnet.data.samples import upright_label
from encnet.evaluation.run import read_as_trained, require_same_classes
from encnet.inference.argmax import most_probable
from encnet.inference.predictor import Predictor
from encnet.inference.preprocessing import pixels_of
from encnet.metrics.pixels import SegmentationMetrics
from encnet.metrics.presence import number
from encnet.metrics.scores import Scores
from encnet.reports.html import percent
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.files import write_text
from encnet.system.outputs import check_outputs
from encnet.system.progress import progress_bar
from encnet.system.text import counted

FILE: str = "prior.json"
"""Name of the file that :meth:`PriorChoice.save` writes."""
STRENGTHS: tuple[float, ...] = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Candidates for λ of :meth:`encnet.EncNet.with_prior`; 0 is no prior."""
LEAST_GAIN: float = 1e-3
"""Lowest gain in mean IoU (of 1), on images that the strength was not chosen on, that is worth the risk of the prior:
the pixels miss a class wherever presence misses it."""


@dataclass(frozen=True, eq=False)
class PriorChoice:
    """The scores of each strength on two halves of a split, and whether the best strength of one half helps the other.

    The halves are the first and the second half of the split in the order of its files, so that neighbouring frames of
    a video, which are nearly the same image, are in the same half.
    """

    names: tuple[str, ...]
    """Class names."""
    strengths: tuple[float, ...]
    """Strengths in ascending order; the first is 0."""
    confusions: np.ndarray
    """(2, strengths, classes, classes) int64: confusion matrices of each half, by strength."""
    images: tuple[int, int]
    """Number of images in each half."""
    dataset: str
    """Name of the data set."""
    split: str
    """Name of the split."""

    @property
    def mean_iou(self) -> np.ndarray:
        """(3, strengths) mean IoU of the first half, of the second half and of the whole split, 0-1."""
        parts = (*self.confusions, self.confusions.sum(axis=0))
        return np.array([[Scores(self.names, confusion).mean_iou for confusion in part] for part in parts])

    @property
    def chosen(self) -> tuple[float, float, float]:
        """The strength with the highest mean IoU on each half and on the whole split; the lowest of equal ones."""
        first, second, whole = (self.strengths[i] for i in np.nan_to_num(self.mean_iou).argmax(axis=1))
        return first, second, whole

    @property
    def gains(self) -> tuple[float, float]:
        """The gain in mean IoU (of 1) on the first and second half, each with the strength chosen on the other half."""
        first, second, _ = (self.strengths.index(strength) for strength in self.chosen)
        on_first, on_second, _ = self.mean_iou
        return float(on_first[second] - on_first[0]), float(on_second[first] - on_second[0])

    @property
    def strength(self) -> float:
        """The strength to use: the best on the whole split if both :attr:`gains` reach ``LEAST_GAIN``, else 0."""
        return self.chosen[2] if all(gain >= LEAST_GAIN for gain in self.gains) else 0.0

    def sentence(self) -> str:
        """The result in words."""
        first, second, whole = self.chosen
        held_out = (
            f"strength {first:g}, the best on the first half, changes mean IoU on the second half by"
            f" {100 * self.gains[1]:+.2f} points; strength {second:g}, the best on the second half, changes it on the"
            f" first half by {100 * self.gains[0]:+.2f} points"
        )
        if self.strength:
            return f"the prior helps: {held_out}; the best strength on the whole split is {whole:g}"
        return (
            f"the prior does not help: {held_out}; it stays off unless both halves gain at least"
            f" {100 * LEAST_GAIN:g} points"
        )

    def table(self) -> Table:
        """A table of mean IoU in percent by strength, on each half and on the whole split."""
        table = Table(title=f"presence as a prior: mean IoU in % on {self.dataset}, {self.split}")
        table.add_column("strength", justify="right")
        for part, images in zip(("first half", "second half", "whole"), (*self.images, sum(self.images)), strict=True):
            table.add_column(f"{part} ({images})", justify="right")
        for strength, values in zip(self.strengths, self.mean_iou.T, strict=True):
            table.add_row(f"{strength:g}", *(percent(value, 2) for value in values))
        return table

    def to_dict(self) -> dict[str, Any]:
        """Mean IoU and IoU by class of each strength, and the strengths chosen, as JSON types."""
        whole = self.confusions.sum(axis=0)
        rows = [
            {
                "strength": strength,
                **dict(zip(("first_half", "second_half", "mean_iou"), map(number, values), strict=True)),
                "iou": dict(zip(self.names, map(number, Scores(self.names, confusion).iou), strict=True)),
            }
            for strength, values, confusion in zip(self.strengths, self.mean_iou.T, whole, strict=True)
        ]
        chosen = dict(zip(("first_half", "second_half", "whole"), self.chosen, strict=True))
        return {
            "dataset": self.dataset,
            "split": self.split,
            "images": list(self.images),
            "strengths": rows,
            "chosen": chosen,
            "gain_on_first_half": number(self.gains[0]),
            "gain_on_second_half": number(self.gains[1]),
            "strength": self.strength,
        }

    def save(self, folder: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Writes prior.json into a folder and returns its path.

        Args:
            folder: folder for the file; it is created if needed.
            overwrite: whether to replace a prior.json that encnet did not write, or that was changed since.

        Raises:
            InputError: the folder cannot be written to, or holds such a file.
        """
        path = Path(folder, FILE)
        check_outputs([path], overwrite=overwrite, argument="folder")
        write_text(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return path


def choose_prior(
    checkpoint: str | os.PathLike[str],
    index: DatasetIndex,
    split: str = "val",
    strengths: Sequence[float] = STRENGTHS,
    device: str | torch.device = "auto",
    limit: int | None = None,
    progress: bool = True,
) -> PriorChoice:
    """Scores every strength of the prior on a split; the network runs once on each whole image.

    Args:
        checkpoint: path or hub id, as for ``encnet.load``; the strength stored in it is ignored.
        index: the data set; its classes must be those of the model.
        split: a split with label maps.
        strengths: strengths in ascending order; the first is 0.
        device: as for :class:`Predictor`.
        limit: scores only the first ``limit`` images; None scores all.
        progress: shows a progress bar on stderr.

    Raises:
        InputError: the model does not run in PyTorch or does not predict presence, the classes differ, there are fewer
            than two images, an argument is out of its range, or a file cannot be read.
    """
    ascending = len(strengths) >= 2 and strengths[0] == 0 and sorted(set(strengths)) == list(strengths)
    require(ascending, "strengths", list(strengths), "0 followed by larger numbers in ascending order")
    predictor = Predictor(checkpoint, device=device)
    engine = predictor.require_pytorch("choosing a prior takes", "use the model without a prior")
    if not predictor.description.presence:
        raise InputError(f"{checkpoint} does not predict presence, so it has no prior; give a model built with se")
    require_same_classes(predictor, index)
    index = read_as_trained(predictor, index)
    samples = index.split(split)[:limit]
    if len(samples) < 2:
        raise InputError(
            f"the split '{split}' of {index.root} gives {counted(len(samples), 'image')}; two halves need at least 2",
            "split",
        )
    names, network = index.labels.names, engine.network
    preprocessing = predictor.preprocessing.reading(index.source)
    halves = [[SegmentationMetrics(len(names), names, presence=False) for _ in strengths] for _ in range(2)]
    middle = (len(samples) + 1) // 2
    with (
        progress_bar(progress) as bar,
        closing(preprocessing.open_ahead([sample.image for sample in samples], ahead=2)) as images,
        engine.computing(),
    ):
        task = bar.add_task(f"{index.name} {split}", total=len(samples))
        for place, (sample, future) in enumerate(zip(samples, images, strict=True)):
            if sample.label is None:
                raise InputError(f"{sample.image} has no label map; choose a split with label maps", "split")
            opened, truth = future.result(), index.labels.load(sample.label)
            assert opened.facts is not None  # as it is of a file
            truth = opened.masked(upright_label(sample, truth, opened.facts, index.source))
            height, width = truth.shape
            network.info.presence_prior = 0.0
            pixels, covered = predictor.preprocessing.filled(pixels_of([opened.seen]), (height, width))
            output = network(engine.normalised(pixels), full_size=False)
            for strength, metrics in zip(strengths, halves[place >= middle], strict=True):
                network.info.presence_prior = strength
                logits = network.with_prior(output.logits.float(), output.presence)
                labels = most_probable(logits, covered, network.align_corners)[:, :height, :width]
                metrics.update(labels.cpu(), torch.from_numpy(for_torch(truth))[None])
            bar.advance(task)
    confusions = np.stack([[metrics.compute().confusion for metrics in half] for half in halves])
    return PriorChoice(names, tuple(strengths), confusions, (middle, len(samples) - middle), index.name, split)


def save_with_prior(
    checkpoint: str | os.PathLike[str], choice: PriorChoice, out: str | os.PathLike[str], overwrite: bool = False
) -> None:
    """Writes the checkpoint with the chosen strength and the same weights.

    Args:
        checkpoint: path or hub id, as for ``encnet.load``.
        choice: the result of :func:`choose_prior`.
        out: file to write.
        overwrite: whether to replace a file that encnet did not write, or that was changed since.

    Raises:
        InputError: the prior does not help, or the file cannot be written or would replace the checkpoint or a file
            that encnet did not write.
    """
    check_outputs([Path(out)], [checkpoint], overwrite)
    if not choice.strength:
        raise InputError(f"{out} was not written because {choice.sentence()}")
    model = load(checkpoint)
    model.info.presence_prior = choice.strength
    model.save(out)
