"""Runs a network on an image in steps and keeps what the context encoding computes."""

from __future__ import annotations

import os
from typing import NamedTuple

import torch
from torch import Tensor

from encnet.checkpoint.encnet import EncNet
from encnet.data.pixels import Pixels, size_of
from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.inference.predictor import Predictor
from encnet.inference.preprocessing import pixels_of
from encnet.model.context import ContextEncoding
from encnet.model.head import HeadFeatures
from encnet.model.output import Scene
from encnet.system.errors import InputError

Explainable = EncNet | str | os.PathLike[str] | Predictor
"""A model, a path or hub id as for ``encnet.load``, or a predictor."""


class Observation(NamedTuple):
    """The result of a network on one image up to the context encoding; tensors on its device."""

    features: HeadFeatures  #: features that the context is applied to, (1, C, h, w), and finer ones
    assignment: Tensor  #: (K, h, w) assignment a_ik of each feature pixel to each codeword, 0-1
    semantics: Tensor  #: (K, C) contribution of each codeword to the encoded semantics; the sum over K is e
    scene: Scene  #: γ and presence


class Observer:
    """Observes the context encoding of a model.

    Args:
        model: a model with a context encoding.
        device: as for :class:`encnet.Predictor`; a predictor has its own.

    Raises:
        InputError: the model cannot be read, does not run in PyTorch or has no context encoding, or the predictor's
            protocol does not run the network once on the whole image.
    """

    def __init__(self, model: Explainable, device: str | torch.device = "auto") -> None:
        self.predictor: Predictor = model if isinstance(model, Predictor) else Predictor(model, device=device)
        """Predictor of the model, which also defines the preprocessing of images."""
        source, engine = self.predictor.source or "the model", self.predictor.engine
        if not isinstance(engine, PyTorchEngine):
            raise InputError(
                f"explanations need PyTorch and a checkpoint, but {source} runs in {engine.name}; give the checkpoint"
                " that it was exported from",
                "model",
            )
        if not self.predictor.protocol.single_pass:
            raise InputError(
                "explanations need a network that runs once on the whole image, not the protocol"
                f" {self.predictor.protocol.name}; use the protocol plain",
                "protocol",
            )
        context = engine.network.head.context
        if context is None:
            raise InputError(
                f"{source} has no context encoding to explain; give a model that was built with context", "model"
            )
        self.engine: PyTorchEngine = engine
        """Engine of the predictor."""
        self.network: EncNet = engine.network
        """Network of the engine."""
        self.context: ContextEncoding = context
        """Context Encoding Module of the network."""

    def __call__(self, seen: Pixels) -> Observation:
        """Observes an image, which must have the size at which the network takes it."""
        network, semantics = self.network, self.context.semantics
        with self.engine.computing():
            pixels, _ = self.predictor.preprocessing.filled(pixels_of([seen]), size_of(seen)[::-1])
            features = network.prepare(self.engine.normalised(pixels))
            X = features.features
            A = semantics.encoding.assign(semantics.projection(X).permute(0, 2, 3, 1).flatten(1, 2))
            sums = network.sums(X)
            scene = network.scene(sums)
            assert sums is not None and scene is not None  # as there is a context encoding
            E = semantics.encoding.residuals(sums)
            by_codeword = semantics.by_codeword(E, sums.pixels, network.info.context_pixels)[0] / E.shape[1]
            assignment = A[0].T.reshape(-1, *X.shape[2:])
        return Observation(features, assignment, by_codeword, scene)

    def scene_of(self, semantics: Tensor) -> Scene:
        """The scene (γ and presence) that follows from encoded semantics e, (C,)."""
        presence = self.network.head.presence
        with self.engine.computing():
            e = semantics[None]
            return Scene(self.context.factors(e), None if presence is None else presence(e))

    def logits(self, features: HeadFeatures, scene: Scene) -> Tensor:
        """Logits with the context of ``scene``, (1, classes, h, w) float32 at the resolution of the head."""
        with self.engine.computing():
            return self.network.classify(features, scene)
