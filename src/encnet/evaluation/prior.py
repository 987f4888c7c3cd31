"""How strongly presence should weigh on the pixels: the strength of the prior, chosen on labelled images."""

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
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from encnet.data.dataset import DatasetIndex, check_sizes
from encnet.errors import InputError
from encnet.evaluation.run import require_same_classes
from encnet.files import write_text
from encnet.html import percent
from encnet.inference.decide import most_probable
from encnet.inference.predictor import Predictor
from encnet.inference.preprocessing import pixels_of
from encnet.inference.reading import open_ahead
from encnet.metrics import Scores, SegmentationMetrics
from encnet.model.loading import load
from encnet.presence_metrics import number

STRENGTHS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
"""λ of :meth:`encnet.EncNet.with_prior`, among which one is chosen; 0 leaves presence out."""
LEAST_GAIN = 1e-3
"""Of mean IoU, of 1, on images that the strength was not chosen on: with less the prior is not worth its risk, which is
that a class is missed wherever presence misses it."""


@dataclass(frozen=True, eq=False)
class PriorChoice:
    """What each strength scores on two halves of a split, and whether the best one of a half helps on the other.

    The halves are the first and the second half of the split, in the order of its files: neighbours in a film, which
    are nearly the same image, are then in the same half.
    """

    names: tuple[str, ...]
    strengths: tuple[float, ...]
    """Rising; the first is 0."""
    confusions: np.ndarray
    """(2, strengths, classes, classes) int64: confusion matrices of each half, by strength."""
    images: tuple[int, int]
    """In each half."""
    dataset: str
    split: str

    @property
    def mean_iou(self) -> np.ndarray:
        """(3, strengths): mean IoU of the first half, of the second one, and of the whole split, 0-1."""
        parts = (*self.confusions, self.confusions.sum(axis=0))
        return np.array([[Scores(self.names, confusion).mean_iou for confusion in part] for part in parts])

    @property
    def chosen(self) -> tuple[float, float, float]:
        """The strength with the highest mean IoU on each half and on the whole split; the weakest of equal ones."""
        first, second, whole = (self.strengths[i] for i in np.nan_to_num(self.mean_iou).argmax(axis=1))
        return first, second, whole

    @property
    def gains(self) -> tuple[float, float]:
        """What is gained in mean IoU, of 1, on the first and on the second half, each by the other's strength."""
        first, second, _ = (self.strengths.index(strength) for strength in self.chosen)
        of_first, of_second, _ = self.mean_iou
        return float(of_first[second] - of_first[0]), float(of_second[first] - of_second[0])

    @property
    def strength(self) -> float:
        """The strength to use: the best one of the whole split where both :attr:`gains` are ``LEAST_GAIN``, else 0."""
        return self.chosen[2] if all(gain >= LEAST_GAIN for gain in self.gains) else 0.0

    def sentence(self) -> str:
        """The outcome in words."""
        first, second, whole = self.chosen
        held_out = (
            f"strength {first:g}, best on the first half, brings {100 * self.gains[1]:+.2f} points of mean IoU on the"
            f" second; {second:g}, best on the second, {100 * self.gains[0]:+.2f} on the first"
        )
        if self.strength:
            return f"the prior helps: {held_out}; best on the whole split is {whole:g}"
        return f"the prior does not help: {held_out}; with less than {100 * LEAST_GAIN:g} on either it stays off"

    def table(self) -> Table:
        """Mean IoU in percent by strength, on each half and on the whole split."""
        table = Table(title=f"presence as a prior: mean IoU in % on {self.dataset}, {self.split}")
        table.add_column("strength", justify="right")
        for part, images in zip(("first half", "second half", "whole"), (*self.images, sum(self.images)), strict=True):
            table.add_column(f"{part} ({images})", justify="right")
        for strength, values in zip(self.strengths, self.mean_iou.T, strict=True):
            table.add_row(f"{strength:g}", *(percent(value, 2) for value in values))
        return table

    def to_dict(self) -> dict[str, Any]:
        """JSON types: mean IoU and IoU by class of each strength, and what was chosen."""
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

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Writes prior.json into a folder and returns its path.

        Raises:
            InputError: the folder cannot be written to.
        """
        path = Path(folder, "prior.json")
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
    """Scores every strength of the prior on a split; the network sees each image once and whole.

    Args:
        checkpoint: what ``encnet.load`` takes; the strength that it holds is not looked at.
        index: the data set; its classes must be the model's.
        split: with label maps.
        strengths: rising; the first is 0.
        device: as :class:`Predictor` takes it.
        limit: only so many images, the first ones; None is all.
        progress: show a bar on stderr.

    Raises:
        InputError: the model runs elsewhere than in PyTorch or does not say which classes are in an image, its classes
            are others, there are fewer than two images, or something cannot be read.
    """
    if len(strengths) < 2 or strengths[0] != 0 or sorted(set(strengths)) != list(strengths):
        raise InputError(f"strengths is {list(strengths)}; give rising numbers of which the first is 0")
    predictor = Predictor(checkpoint, device=device)
    engine = predictor.require_pytorch("choosing a prior takes", "leave out --choose_prior")
    if not predictor.description.presence:
        raise InputError(f"{checkpoint} does not say which classes are in an image: there is no prior to choose")
    require_same_classes(predictor, index)
    samples = index.split(split)[:limit]
    if len(samples) < 2:
        raise InputError(f"the split '{split}' of {index.root} gives {len(samples)} images; two halves take at least 2")
    names, network = index.labels.names, engine.network
    halves = [[SegmentationMetrics(len(names), names, presence=False) for _ in strengths] for _ in range(2)]
    middle = (len(samples) + 1) // 2
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with (
        Progress(*columns, console=Console(stderr=True), disable=not progress) as bar,
        closing(open_ahead([sample.image for sample in samples], predictor.preprocessing, ahead=2)) as images,
        engine.computing(),
    ):
        task = bar.add_task(f"{index.name} {split}", total=len(samples))
        for place, (sample, future) in enumerate(zip(samples, images, strict=True)):
            if sample.label is None:
                raise InputError(f"{sample.image} has no label map; choose a split that has label maps")
            opened, truth = future.result(), index.labels.load(sample.label)
            height, width = truth.shape
            check_sizes(sample, opened.image.size, (width, height))
            network.info.presence_prior = 0.0
            pixels, covered = predictor.single_pass.filled(pixels_of([opened.seen]), (height, width))
            output = network(engine.normalised(pixels), full_size=False)
            for strength, metrics in zip(strengths, halves[place >= middle], strict=True):
                network.info.presence_prior = strength
                logits = network.with_prior(output.logits.float(), output.presence)
                labels = most_probable(logits, covered, network.align_corners)[:, :height, :width]
                metrics.update(labels.cpu(), torch.from_numpy(truth)[None])
            bar.advance(task)
    confusions = np.stack([[metrics.compute().confusion for metrics in half] for half in halves])
    return PriorChoice(names, tuple(strengths), confusions, (middle, len(samples) - middle), index.name, split)


def save_with_prior(checkpoint: str | os.PathLike[str], choice: PriorChoice, out: str | os.PathLike[str]) -> None:
    """Writes the checkpoint again, with the strength that was chosen; the weights are the same.

    Raises:
        InputError: the prior does not help, or the file cannot be written.
    """
    if not choice.strength:
        raise InputError(f"{out} was not written, because {choice.sentence()}")
    model = load(checkpoint)
    model.info.presence_prior = choice.strength
    model.save(out)
