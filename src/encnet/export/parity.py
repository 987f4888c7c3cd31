"""Whether an exported model says what the model says: the two side by side, on images of several sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from rich.table import Table

from encnet.errors import InputError
from encnet.inference.decide import most_probable
from encnet.inference.engines.engine import Engine
from encnet.inference.engines.pytorch import tensor_of
from encnet.model.encnet import EncNet

SIZES = ((3, 64, 96), (1, 103, 77), (1, 224, 161))
"""Images, height and width of the batches that are compared: none is the traced one, not all are multiples of 8."""


class Tolerance(NamedTuple):
    """How far an exported model may be from the model; None is any distance."""

    logits: float | None  #: largest difference, relative to the spread of the model's own
    presence: float | None  #: largest difference
    labels: float | None  #: smallest share of pixels with the same class


TOLERANCES = {
    "fp32": Tolerance(logits=1e-3, presence=1e-3, labels=None),
    "bf16": Tolerance(logits=None, presence=0.1, labels=0.95),
    "int8": Tolerance(logits=None, presence=None, labels=0.9),
}
"""By precision. In fp32 only the order of the sums differs, or they go by Winograd's method; where two classes are
equally probable, that decides."""


@dataclass(frozen=True)
class Comparison:
    """The two models on one batch."""

    images: str
    """What the batch is of: "noise", or "calibration" for the user's own images."""
    batch: int
    """Number of images."""
    height: int
    width: int
    logits: float
    """Largest difference of class scores, relative to the difference between the model's highest and lowest."""
    presence: float | None
    """Largest difference of the probabilities that a class is in the image; None if the model does not say."""
    labels: float
    """Share, 0-1, of the pixels with the same most probable class."""


@dataclass(frozen=True)
class Parity:
    """All comparisons of an exported model in one precision, and the verdict."""

    precision: str
    comparisons: tuple[Comparison, ...]

    @property
    def judged(self) -> tuple[Comparison, ...]:
        """The comparisons that count: in half precision and int8 the user's own images, where there are some.

        On noise a trained model is sure of nothing, and any rounding changes its mind.
        """
        own = tuple(comparison for comparison in self.comparisons if comparison.images == "calibration")
        return own if own and self.precision != "fp32" else self.comparisons

    @property
    def failure(self) -> str | None:
        """What is out of tolerance, with figures; None if nothing is."""
        tolerance, judged = TOLERANCES[self.precision], self.judged
        logits = max(comparison.logits for comparison in judged)
        presence = max(comparison.presence or 0 for comparison in judged)
        labels = sum(comparison.labels for comparison in judged) / len(judged)
        # "not within" instead of "beyond": an exported model may well say nan
        if tolerance.logits is not None and not logits <= tolerance.logits:
            return f"class scores differ by {logits:.2g} of their spread, where {tolerance.logits:g} is allowed"
        if tolerance.presence is not None and not presence <= tolerance.presence:
            return f"presence differs by {presence:.2g}, where {tolerance.presence:g} is allowed"
        if tolerance.labels is not None and not labels >= tolerance.labels:
            return f"{100 * labels:.1f} % of the pixels have the same class, where {100 * tolerance.labels:g} % must"
        return None

    def table(self) -> Table:
        """A line a batch."""
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
    """Runs both models over the batches.

    Args:
        model: in eval mode, in fp32, on the CPU.
        engine: the exported model.
        batches: what it is of, see :attr:`Comparison.images`; and the images, uint8 (B, H, W, 3).
        precision: by whose tolerance the exported model is judged.
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
    except Exception as error:  # each library has errors of its own
        raise InputError(
            f"the exported model fails with images of {height} x {width} ({type(error).__name__}), so it is not"
            " written; export it for the one size that is needed, --size [360,480] for example"
        ) from error
    assert logits is not None and logits.shape == expected.shape, "the graph's own shapes do not fit"
    labels = [most_probable(each, (height, width), model.align_corners) for each in (logits, expected)]
    spread = max(float(np.ptp(expected)), np.finfo(np.float32).tiny)
    return Comparison(
        name,
        batch,
        height,
        width,
        _largest(logits, expected) / spread,
        None if presence is None or expected_presence is None else _largest(presence, expected_presence),
        float((labels[0] == labels[1]).mean()),
    )


def _largest(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max())


@torch.inference_mode()
def scores(model: EncNet, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """What the model itself says of images, uint8 (B, H, W, 3): logits at the head's resolution, and presence."""
    mean, std = torch.tensor(model.info.mean), torch.tensor(model.info.std)
    pixels = ((tensor_of(images) / 255 - mean) / std).permute(0, 3, 1, 2)
    output = model(pixels.contiguous(memory_format=torch.channels_last), full_size=False)
    presence = None if output.presence is None else model.presence_probabilities(output.presence).numpy()
    return output.logits.numpy(), presence


def noise_batches(size: tuple[int, int] | None) -> Iterator[tuple[str, np.ndarray]]:
    """Batches of noise at several sizes; or, with a size, of one and three images of that size."""
    shapes: Sequence[tuple[int, int, int]] = SIZES if size is None else ((1, *size), (3, *size))
    for seed, (batch, height, width) in enumerate(shapes):
        rng = np.random.default_rng(seed)
        yield "noise", np.stack([photograph_like(rng, height, width) for _ in range(batch)])


def photograph_like(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Noise, (height, width, 3) uint8, that is strong in the large and weak in the small, as photographs are."""
    total = np.zeros((height, width, 3))
    for cells in (2, 4, 8, 16, 32, 64):
        coarse = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        total += (np.asarray(smooth) - 127.5) / cells**0.5
    return np.clip(127.5 + total * (55 / max(total.std(), 1.0)), 0, 255).astype(np.uint8)
