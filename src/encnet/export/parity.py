"""Compares an exported model with the original model on images of several sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from rich.table import Table

from encnet.checkpoint.encnet import EncNet
from encnet.inference.argmax import most_probable
from encnet.inference.engines.engine import Engine
from encnet.inference.engines.pytorch import tensor_of
from encnet.system.errors import InputError, first_line

SIZES: tuple[tuple[int, int, int], ...] = ((3, 64, 96), (1, 103, 77), (1, 224, 161))
"""Number of images, height and width of the batches; none has the traced size, and not all are multiples of 8."""


class Tolerance(NamedTuple):
    """Largest accepted differences between the exported and the original model; None accepts any difference."""

    logits: float | None  #: largest difference, relative to the spread of the original logits
    presence: float | None  #: largest difference
    labels: float | None  #: smallest share of pixels with the same class


TOLERANCES: dict[str, Tolerance] = {
    "fp32": Tolerance(logits=1e-3, presence=1e-3, labels=None),
    "bf16": Tolerance(logits=None, presence=0.1, labels=0.95),
    "int8": Tolerance(logits=None, presence=None, labels=0.9),
}
"""Tolerances by precision. In fp32 only the order of the sums differs, or Winograd's method is used; that can still
change the label where two classes are equally probable."""


@dataclass(frozen=True)
class Comparison:
    """The difference between the two models on one batch."""

    images: str
    """Content of the batch: "noise", or "calibration" for the user's own images."""
    batch: int
    """Number of images."""
    height: int
    """Height of the images in pixels."""
    width: int
    """Width of the images in pixels."""
    logits: float
    """Largest difference of class scores, relative to their spread: highest minus lowest score of the original."""
    presence: float | None
    """Largest difference of presence; None if the model does not predict it."""
    labels: float
    """Share, 0-1, of the pixels with the same most probable class."""


@dataclass(frozen=True)
class Parity:
    """All comparisons of an exported model, and the verdict."""

    precision: str
    """Precision of the exported model."""
    comparisons: tuple[Comparison, ...]
    """One comparison per batch."""

    @property
    def judged(self) -> tuple[Comparison, ...]:
        """The comparisons that count: in bf16 and int8 those on the user's own images, if there are any.

        On noise a trained model is unsure everywhere, so rounding changes its labels.
        """
        calibration = tuple(comparison for comparison in self.comparisons if comparison.images == "calibration")
        return calibration if calibration and self.precision != "fp32" else self.comparisons

    @property
    def failure(self) -> str | None:
        """The difference that exceeds the tolerance, with figures; None if there is none."""
        tolerance, judged = TOLERANCES[self.precision], self.judged
        logits = max(comparison.logits for comparison in judged)
        presence = max(comparison.presence or 0 for comparison in judged)
        labels = sum(comparison.labels for comparison in judged) / len(judged)
        # "not <=" instead of ">", because values can be NaN
        if tolerance.logits is not None and not logits <= tolerance.logits:
            return f"class scores differ by {logits:.2g} of their spread, where {tolerance.logits:g} is allowed"
        if tolerance.presence is not None and not presence <= tolerance.presence:
            return f"presence differs by {presence:.2g}, where {tolerance.presence:g} is allowed"
        if tolerance.labels is not None and not labels >= tolerance.labels:
            return f"{100 * labels:.1f} % of the pixels have the same class, where {100 * tolerance.labels:g} % must"
        return None

    def table(self) -> Table:
        """A table with one row per batch."""
        table = Table(title=f"exported, {self.precision}, against PyTorch")
        table.add_column("images")
        for column in ("batch", "height x width", "scores differ by", "presence differs by", "same class"):
            table.add_column(column, justify="right")
        for comparison in self.comparisons:
            table.add_row(
                comparison.images,
                str(comparison.batch),
                f"{comparison.height} x {comparison.width}",
                f"{comparison.logits:.1e}",
                "" if comparison.presence is None else f"{comparison.presence:.1e}",
                f"{100 * comparison.labels:.2f} %",
            )
        return table

    def to_dict(self) -> dict[str, Any]:
        """Precision and comparisons as JSON types."""
        return {"precision": self.precision, "comparisons": [asdict(comparison) for comparison in self.comparisons]}


def compare(
    model: EncNet, engine: Engine, batches: Iterable[tuple[str, np.ndarray]], precision: str, done: Callable[[], None]
) -> Parity:
    """Compares both models on batches of images.

    Args:
        model: the original model, in eval mode, in fp32, on the CPU.
        engine: the exported model.
        batches: pairs of content, see :attr:`Comparison.images`, and images, uint8 (B, H, W, C).
        precision: precision of the exported model, which selects the tolerance.
        done: called after each batch.

    Raises:
        InputError: the exported model cannot be run.
    """
    comparisons = []
    for name, images in batches:
        comparisons.append(_compare(model, engine, name, images))
        done()
    return Parity(precision, tuple(comparisons))


def _compare(model: EncNet, engine: Engine, name: str, images: np.ndarray) -> Comparison:
    batch, height, width = images.shape[:3]
    expected, expected_presence = scores(model, images)
    try:
        logits, presence = (None if part is None else np.asarray(part) for part in engine(images))
    except Exception as error:  # each library raises its own errors
        raise InputError(
            f"the exported model fails with images of {height} x {width} ({first_line(error)}), so it is not written;"
            " export it for one size, (360, 480) for example",
            "size",
        ) from error
    assert logits is not None and logits.shape == expected.shape, "the graph's own shapes do not fit"
    labels = [most_probable(score_map, (height, width), model.align_corners) for score_map in (logits, expected)]
    spread = max(float(np.ptp(expected)), float(np.finfo(np.float32).tiny))
    return Comparison(
        name,
        batch,
        height,
        width,
        _largest_difference(logits, expected) / spread,
        None if presence is None or expected_presence is None else _largest_difference(presence, expected_presence),
        float((labels[0] == labels[1]).mean()),
    )


def _largest_difference(exported: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(exported - expected).max())


@torch.inference_mode()
def scores(model: EncNet, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Logits at the resolution of the head, and presence, of the original model for images, uint8 (B, H, W, C)."""
    mean, std = torch.tensor(model.info.mean), torch.tensor(model.info.std)
    pixels = ((tensor_of(images) / 255 - mean) / std).permute(0, 3, 1, 2)
    output = model(pixels.contiguous(memory_format=torch.channels_last), full_size=False)
    presence = None if output.presence is None else model.presence_probabilities(output.presence).numpy()
    return output.logits.numpy(), presence


def noise_batches(size: tuple[int, int] | None, bands: int = 3) -> Iterator[tuple[str, np.ndarray]]:
    """Batches of noise at several sizes; or, for a given size, batches of one and three images of that size."""
    shapes: Sequence[tuple[int, int, int]] = SIZES if size is None else ((1, *size), (3, *size))
    for seed, (batch, height, width) in enumerate(shapes):
        rng = np.random.default_rng(seed)
        yield "noise", np.stack([_noise(rng, height, width, bands) for _ in range(batch)])


def _noise(rng: np.random.Generator, height: int, width: int, bands: int) -> np.ndarray:
    """Noise, (height, width, bands) uint8: the bands of as many photographs as it takes."""
    photographs = [photograph_like(rng, height, width) for _ in range(-(-bands // 3))]
    return np.concatenate(photographs, axis=2)[..., :bands]


def photograph_like(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Noise, (height, width, 3) uint8, with strong low and weak high frequencies, as in photographs."""
    total = np.zeros((height, width, 3))
    for cells in (2, 4, 8, 16, 32, 64):
        coarse = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        total += (np.asarray(smooth) - 127.5) / cells**0.5
    return np.clip(127.5 + total * (55 / max(total.std(), 1.0)), 0, 255).astype(np.uint8)
