"""The result of an explanation: arrays, and the quantities derived from them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from encnet.data.palette import Color
from encnet.data.sample_files import ImageFile, files_of
from encnet.explanation.use import LEAST_USE, CodewordUse
from encnet.system.files import replacing
from encnet.system.outputs import check_outputs

ALIKE = 0.08
"""Assignment maps, each divided by its maximum, look the same up to this difference."""


@dataclass(frozen=True, eq=False)
class Exchange:
    """The prediction for the image with a context other than its own."""

    name: str
    """Name of that context: "no context", "the context of FILE" or "the average context of DATA"."""
    gamma: np.ndarray
    """γ of that context, (C,) float32, 0-1; zeros for no context."""
    labels: np.ndarray
    """(H, W) class indices predicted with that context."""


class Transition(NamedTuple):
    """A change of class between two predictions."""

    before: int  #: class with the image's own context
    after: int  #: class with the other context
    share: float  #: share of the image's pixels that change in this way, 0-1


@dataclass(frozen=True, eq=False)
class Explanation:
    """What the context encoding saw in one image, and what it changed in the prediction.

    K is the number of codewords and C the number of channels that γ scales. The image has the size (H, W), the feature
    map of the context encoding (h, w), and the logits (h', w').
    """

    image: Image.Image
    """The image, RGB."""
    path: ImageFile | None
    """File of the image; None for an image in memory."""
    names: tuple[str, ...]
    """Class names."""
    palette: tuple[Color, ...]
    """RGB colour of each class, 0-255."""
    labels: np.ndarray
    """(H, W) class indices predicted with the image's own context."""
    presence: np.ndarray | None
    """(classes,) probability, 0-1, that each class is in the image; None if the model does not predict presence."""
    assignment: np.ndarray
    """(K, h, w) float32, 0-1: assignment a_ik of each pixel to each codeword; sums to 1 over K."""
    semantics_by_codeword: np.ndarray
    """(K, C) float32, not negative: contribution of each codeword to the encoded semantics, ReLU(BN(e_k)) / K."""
    gamma: np.ndarray
    """γ, (C,) float32, 0-1; each channel is multiplied by 1 + γ."""
    contribution: np.ndarray
    """(classes, h', w') float32: contribution of γ to the logit of each class, see
    :func:`encnet.explanation.contribution.contribution`."""
    channel_group: np.ndarray
    """(C,) group of each channel; groups are in the order of descending γ."""
    group_contribution: np.ndarray
    """(groups, classes) float32: contribution of each group's γ to the logit of each class, mean over the pixels."""
    exchanges: tuple[Exchange, ...]
    """Predictions without context and with other contexts; the one without context comes first."""
    use: CodewordUse | None = None
    """Use of the codewords over a data set, if one was given."""

    @property
    def usage(self) -> np.ndarray:
        """(K,) float32: share of the image's pixels that is assigned to each codeword; sums to 1."""
        return self.assignment.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)

    @property
    def effective_codewords(self) -> float:
        """Effective number of codewords, exp(-Σ_k u_k log u_k) with u the :attr:`usage`: from 1 (one codeword gets all
        pixels) to K (all get equal shares).
        """
        u = self.usage[self.usage > 0].astype(np.float64)
        return float(np.exp(-(u * np.log(u)).sum()))

    @property
    def unused(self) -> np.ndarray:
        """Indices of the codewords that get less than a tenth of an equal share, 0.1/K, of this image's pixels."""
        return np.flatnonzero(self.usage < LEAST_USE / len(self.assignment))

    def alike(self) -> list[list[int]]:
        """The codewords in use, the most used first, in groups whose assignment maps look the same.

        A codeword joins the first group whose most used codeword differs from it by at most :data:`ALIKE`: the root of
        the mean over the pixels of (a_ik / max a_k - a_ij / max a_j)².
        """
        unused = set(self.unused.tolist())
        groups: dict[int, list[int]] = {}
        for k in np.argsort(-self.usage, kind="stable").tolist():
            if k not in unused:
                scaled = self._scaled(k)
                first = (j for j in groups if float(((scaled - self._scaled(j)) ** 2).mean()) <= ALIKE**2)
                groups.setdefault(next(first, k), []).append(k)
        return list(groups.values())

    def _scaled(self, codeword: int) -> np.ndarray:
        return self.assignment[codeword] / max(float(self.assignment[codeword].max()), 1e-12)

    @property
    def entropy(self) -> np.ndarray:
        """(h, w) float32: -Σ_k a_ik log a_ik / log K, from 0 (one codeword gets the pixel) to 1 (equal shares)."""
        A = self.assignment
        if len(A) == 1:
            return np.zeros(A.shape[1:], np.float32)
        logarithms = np.log(A, out=np.zeros_like(A), where=A > 0)
        return np.clip(-(A * logarithms).sum(axis=0) / np.float32(np.log(len(A))), 0, 1)

    @property
    def strongest(self) -> np.ndarray:
        """(h, w): the codeword with the highest assignment of each pixel."""
        return self.assignment.argmax(axis=0)

    @property
    def semantics(self) -> np.ndarray:
        """e, (C,) float32: the encoded semantics of the image, not negative."""
        return self.semantics_by_codeword.sum(axis=0)

    def shares(self, labels: np.ndarray | None = None) -> np.ndarray:
        """(classes,) share of the pixels of each class, 0-1, in the prediction or in the given labels (H, W)."""
        pixels = (self.labels if labels is None else labels).ravel()
        return np.bincount(pixels, minlength=len(self.names)) / len(pixels)

    def codeword_classes(self) -> np.ndarray:
        """(K, classes) share of each codeword's assignment that lies on each predicted class.

        Rows sum to 1; the row of a codeword without any pixel is 0.
        """
        labels = _sampled(self.labels, self.assignment.shape[1:]).ravel()
        A = self.assignment.reshape(len(self.assignment), -1).astype(np.float64)
        mass = np.stack([np.bincount(labels, weights=a, minlength=len(self.names)) for a in A])
        total = mass.sum(axis=1, keepdims=True)
        return np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)

    def class_contribution(self) -> tuple[np.ndarray, np.ndarray]:
        """How much γ favours each class, in logits.

        It is :attr:`contribution` minus its mean over the classes, since adding the same to all classes changes
        nothing.

        Returns:
            Two arrays (classes,): the mean over the image, and the mean over the pixels where the class is predicted,
            which is nan for a class that is not predicted.
        """
        relative = self.contribution - self.contribution.mean(axis=0)
        labels = _sampled(self.labels, relative.shape[1:])
        at_class = [
            float(values[labels == c].mean(dtype=np.float64)) if (labels == c).any() else np.nan
            for c, values in enumerate(relative)
        ]
        return relative.mean(axis=(1, 2), dtype=np.float64), np.array(at_class)

    def changed(self, exchange: Exchange) -> np.ndarray:
        """(H, W) bool: whether the pixel gets another class with the other context."""
        return exchange.labels != self.labels

    def gains(self, exchange: Exchange) -> np.ndarray:
        """(classes,) share of the image's pixels that each class gains with the other context; negative for a loss."""
        return self.shares(exchange.labels) - self.shares()

    def transitions(self, exchange: Exchange) -> list[Transition]:
        """The changes of class with the other context, sorted by share, highest first."""
        changed = self.changed(exchange)
        pairs = self.labels[changed].astype(np.int64) * len(self.names) + exchange.labels[changed]
        changes, pixels = np.unique(pairs, return_counts=True)
        order = np.argsort(-pixels, kind="stable")
        return [
            Transition(*divmod(int(changes[i]), len(self.names)), share=float(pixels[i]) / self.labels.size)
            for i in order
        ]

    def save_arrays(self, path: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Writes the arrays to an .npz file, which ``numpy.load`` reads without executing anything.

        It holds ``labels``, ``assignment``, ``entropy``, ``usage``, ``semantics``, ``semantics_by_codeword``,
        ``gamma``, ``contribution``, ``channel_group``, ``group_contribution``; ``classes`` (the names); ``presence`` if
        the model predicts it; ``exchanges`` (the names of the other contexts), with ``exchange_0_labels`` and
        ``exchange_0_gamma`` for the first one, and so on; and with a data set ``use_share``, ``use_highest``,
        ``use_strongest``, ``use_semantics`` and ``dead``.

        Args:
            path: file to write.
            overwrite: whether to replace a file that encnet did not write, or that was changed since.

        Returns:
            The path of the file.

        Raises:
            InputError: the file cannot be written, or would replace the image or a file that encnet did not write.
        """
        check_outputs([Path(path)], [] if self.path is None else files_of(self.path), overwrite, "path")
        with replacing(path) as temporary:
            self.write_arrays(temporary)
        return Path(path)

    def write_arrays(self, path: Path) -> None:
        """Writes the arrays of :meth:`save_arrays` to a file, straight and without any check."""
        names = (
            "labels assignment entropy usage semantics semantics_by_codeword gamma contribution channel_group"
            " group_contribution"
        )
        arrays = {name: getattr(self, name) for name in names.split()}
        arrays["classes"] = np.array(self.names)
        if self.presence is not None:
            arrays["presence"] = self.presence
        arrays["exchanges"] = np.array([exchange.name for exchange in self.exchanges])
        for i, exchange in enumerate(self.exchanges):
            arrays[f"exchange_{i}_labels"], arrays[f"exchange_{i}_gamma"] = exchange.labels, exchange.gamma
        if self.use is not None:
            for name in ("share", "highest", "strongest", "semantics"):
                arrays[f"use_{name}"] = getattr(self.use, name)
            arrays["dead"] = self.use.dead
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)


def _sampled(labels: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Labels (H, W) at the centres of the cells of a grid of ``size`` (h, w)."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for old, new in zip(labels.shape, size, strict=True)
    )
    return labels[rows[:, None], columns]
