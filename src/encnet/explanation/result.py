"""What an explanation holds: arrays, and what follows from them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from encnet.data.labels import Color
from encnet.explanation.use import LEAST_USE, CodewordUse
from encnet.files import replacing


@dataclass(frozen=True, eq=False)
class Exchange:
    """What is predicted for the image with another context than its own."""

    name: str
    """Whose context: "no context", "the context of FILE", "the average context of DATA"."""
    gamma: np.ndarray
    """γ, (C,) float32, 0-1, of that context; zeros without one."""
    labels: np.ndarray
    """(H, W) class indices."""


class Transition(NamedTuple):
    """Pixels that change their class."""

    before: int  #: class with the image's own context
    after: int  #: class with the other one
    share: float  #: of the image's pixels, 0-1


@dataclass(frozen=True, eq=False)
class Explanation:
    """What the context encoding saw in one image, and what that changed in the prediction.

    K is the number of codewords, C that of the channels that γ scales. h and w are the size of the feature map on which
    the context is encoded, h' and w' that of the logits, H and W that of the image.
    """

    image: Image.Image
    """The image, RGB."""
    path: Path | None
    """The file of the image, if it came from one."""
    names: tuple[str, ...]
    """Names of the classes."""
    palette: tuple[Color, ...]
    """RGB colour of each class, 0-255."""
    labels: np.ndarray
    """(H, W) class indices, as predicted with the image's own context."""
    presence: np.ndarray | None
    """(classes,) probability, 0-1, that each class is in the image; None if the model does not say."""
    assignment: np.ndarray
    """(K, h, w) float32, 0-1: a_ik, the share of each pixel that each codeword has; sums to 1 over K."""
    semantics_by_codeword: np.ndarray
    """(K, C) float32, not negative: what each codeword adds to the encoded semantics, ReLU(BN(e_k)) / K."""
    gamma: np.ndarray
    """γ, (C,) float32, 0-1: how much each channel is raised; a channel becomes 1 + γ times what it was."""
    contribution: np.ndarray
    """(classes, h', w') float32: what γ adds to each class's logit, see
    :func:`encnet.explanation.contribution.contribution`."""
    channel_group: np.ndarray
    """(C,) group of each channel, by falling γ."""
    group_contribution: np.ndarray
    """(groups, classes) float32: what γ of each group adds to each class's logit, mean over the pixels."""
    exchanges: tuple[Exchange, ...]
    """The predictions without context, and with others; the one without comes first."""
    use: CodewordUse | None = None
    """Use of the codewords over a data set, if one was given."""

    @property
    def usage(self) -> np.ndarray:
        """(K,) float32: share of the image's pixels, by assignment, that each codeword has; sums to 1."""
        return self.assignment.mean(axis=(1, 2), dtype=np.float64).astype(np.float32)

    @property
    def effective_codewords(self) -> float:
        """How many codewords of equal use would spread the pixels as far: exp(-Σ_k u_k log u_k) with u the
        :attr:`usage`, from 1 (one has all) to K.
        """
        u = self.usage[self.usage > 0].astype(np.float64)
        return float(np.exp(-(u * np.log(u)).sum()))

    @property
    def unused(self) -> np.ndarray:
        """Indices of the codewords that this image does not use: they have less than a tenth of an equal share,
        0.1/K.
        """
        return np.flatnonzero(self.usage < LEAST_USE / len(self.assignment))

    @property
    def entropy(self) -> np.ndarray:
        """(h, w) float32: -Σ_k a_ik log a_ik / log K, from 0 (one codeword has the pixel) to 1 (all have as much)."""
        A = self.assignment
        if len(A) == 1:
            return np.zeros(A.shape[1:], np.float32)
        logarithms = np.log(A, out=np.zeros_like(A), where=A > 0)
        return np.clip(-(A * logarithms).sum(axis=0) / np.float32(np.log(len(A))), 0, 1)

    @property
    def strongest(self) -> np.ndarray:
        """(h, w): the codeword that has the greatest share of each pixel."""
        return self.assignment.argmax(axis=0)

    @property
    def semantics(self) -> np.ndarray:
        """e, (C,) float32: the encoded semantics of the image, not negative."""
        return self.semantics_by_codeword.sum(axis=0)

    def shares(self, labels: np.ndarray | None = None) -> np.ndarray:
        """(classes,) share of the pixels of each class, 0-1, in the prediction or in other labels (H, W)."""
        pixels = (self.labels if labels is None else labels).ravel()
        return np.bincount(pixels, minlength=len(self.names)) / len(pixels)

    def codeword_classes(self) -> np.ndarray:
        """(K, classes): the share of what each codeword has that lies on each predicted class; rows sum to 1, those of
        a codeword without any pixel are 0.
        """
        labels = _sampled(self.labels, self.assignment.shape[1:]).ravel()
        A = self.assignment.reshape(len(self.assignment), -1).astype(np.float64)
        mass = np.stack([np.bincount(labels, weights=a, minlength=len(self.names)) for a in A])
        total = mass.sum(axis=1, keepdims=True)
        return np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)

    def class_contribution(self) -> tuple[np.ndarray, np.ndarray]:
        """How γ favours each class, in logits: over the image, and at the pixels where the class is predicted.

        It is :attr:`contribution` less its mean over the classes: what is added to all classes alike changes nothing.

        Returns:
            Two arrays (classes,); the second is NaN for a class that is not predicted.
        """
        relative = self.contribution - self.contribution.mean(axis=0)
        labels = _sampled(self.labels, relative.shape[1:])
        own = [
            float(map[labels == c].mean(dtype=np.float64)) if (labels == c).any() else np.nan
            for c, map in enumerate(relative)
        ]
        return relative.mean(axis=(1, 2), dtype=np.float64), np.array(own)

    def changed(self, exchange: Exchange) -> np.ndarray:
        """(H, W): whether the other context gives the pixel another class."""
        return exchange.labels != self.labels

    def gains(self, exchange: Exchange) -> np.ndarray:
        """(classes,): the share of the image's pixels that each class gains with the other context; losses are
        negative.
        """
        return self.shares(exchange.labels) - self.shares()

    def transitions(self, exchange: Exchange) -> list[Transition]:
        """Which class becomes which with the other context; most pixels first."""
        changed = self.changed(exchange)
        pairs = self.labels[changed].astype(np.int64) * len(self.names) + exchange.labels[changed]
        found, pixels = np.unique(pairs, return_counts=True)
        order = np.argsort(-pixels, kind="stable")
        return [
            Transition(*divmod(int(found[i]), len(self.names)), share=float(pixels[i]) / self.labels.size)
            for i in order
        ]

    def save_arrays(self, path: str | os.PathLike[str]) -> Path:
        """Writes the arrays to one .npz file, which ``numpy.load`` reads without executing anything.

        It holds ``labels``, ``assignment``, ``entropy``, ``usage``, ``semantics``, ``semantics_by_codeword``,
        ``gamma``, ``contribution``, ``channel_group``, ``group_contribution``; ``classes``, their names; ``presence``
        where the model says it; ``exchanges``, the names of the other contexts, with ``exchange_0_labels`` and
        ``exchange_0_gamma`` of the first, and so on; and with a data set ``use_share``, ``use_highest``,
        ``use_strongest``, ``use_semantics`` and ``dead``.

        Raises:
            InputError: the file cannot be written.
        """
        own = (
            "labels assignment entropy usage semantics semantics_by_codeword gamma contribution channel_group"
            " group_contribution"
        )
        arrays = {name: getattr(self, name) for name in own.split()}
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
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return Path(path)


def _sampled(labels: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Labels (H, W) at the middles of the cells of a grid of ``size`` (h, w)."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for old, new in zip(labels.shape, size, strict=True)
    )
    return labels[rows[:, None], columns]
