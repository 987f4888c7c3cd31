"""An image through the network in steps, of which the context encoding's are kept."""

from __future__ import annotations

import os
from typing import NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from encnet.errors import InputError
from encnet.inference.engines.pytorch import PyTorchEngine
from encnet.inference.predictor import Predictor
from encnet.inference.preprocessing import pixels_of
from encnet.model.context import ContextEncoding
from encnet.model.encnet import EncNet
from encnet.model.heads import HeadFeatures
from encnet.model.output import Scene

Explainable = EncNet | str | os.PathLike[str] | Predictor
"""A model, what ``encnet.load`` takes, or a predictor that runs one, which is opened already."""


class Observation(NamedTuple):
    """What the network computes of one image until it knows the context; tensors on its device."""

    features: HeadFeatures  #: (1, C, h, w) and finer ones, which the context is applied to
    assignment: Tensor  #: (K, h, w): the share of each feature pixel that each codeword has
    semantics: Tensor  #: (K, C): what each codeword adds to the encoded semantics; their sum over k is e
    scene: Scene  #: γ and presence


class Observer:
    """Watches the context encoding of a model.

    Args:
        model: with a context encoding.
        device: as :class:`encnet.Predictor` takes it; a predictor has its own.

    Attributes:
        predictor: that runs the model; it says how images are brought to the network.
        engine: of the predictor.

    Raises:
        InputError: the model cannot be read, does not run in PyTorch or has no context encoding, or the predictor looks
            at an image more than once.
    """

    def __init__(self, model: Explainable, device: str | torch.device = "auto") -> None:
        self.predictor = model if isinstance(model, Predictor) else Predictor(model, device=device)
        source, engine = self.predictor.source or "the model", self.predictor.engine
        if not isinstance(engine, PyTorchEngine):
            raise InputError(
                f"explain takes PyTorch and a checkpoint, but {source} runs in {engine.name}; give the checkpoint that"
                " it was exported from"
            )
        if not self.predictor.protocol.single_pass:
            raise InputError(
                f"explain looks at an image once and whole, not by the protocol {self.predictor.protocol.name}; take"
                " the protocol plain"
            )
        context = engine.network.head.context
        if context is None:
            raise InputError(
                f"{source} has no context encoding that could be explained; give a model that was built with context"
            )
        self.engine = engine
        self.network: EncNet = engine.network
        self.context: ContextEncoding = context

    def __call__(self, seen: Image.Image) -> Observation:
        """Observes an RGB image of the size at which the network is to see it."""
        network, semantics = self.network, self.context.semantics
        with self.engine.computing():
            pixels, _ = self.predictor.single_pass.filled(pixels_of([seen]), (seen.height, seen.width))
            features = network.prepare(self.engine.normalised(pixels))
            X = features.features
            A = semantics.encoding.assign(semantics.projection(X).permute(0, 2, 3, 1).flatten(1, 2))
            sums = network.sums(X)
            scene = network.scene(sums)
            assert sums is not None and scene is not None  # as there is a context encoding
            E = semantics.encoding.of_sums(sums)
            if network.info.context_pixels is not None:
                E = E * (network.info.context_pixels / sums.pixels)
            of_codewords = F.relu(semantics.norm(E))[0] / E.shape[1]
            assignment = A[0].T.reshape(-1, *X.shape[2:])
        return Observation(features, assignment, of_codewords, scene)

    def scene_of(self, semantics: Tensor) -> Scene:
        """The scene that encoded semantics e, (C,), stand for."""
        presence = self.network.head.presence
        with self.engine.computing():
            e = semantics[None]
            return Scene(self.context.factors(e), None if presence is None else presence(e))

    def logits(self, features: HeadFeatures, scene: Scene) -> Tensor:
        """(1, classes, h, w) float32 at the resolution of the head, with the context of ``scene``."""
        with self.engine.computing():
            return self.network.classify(features, scene)
