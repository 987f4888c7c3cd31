"""The decoders of segmentation_models.pytorch as heads: trained, scored and exported as encnet's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from benchmarks.rivals import library_network
from encnet.model.backbone import Backbone, Stages
from encnet.model.head import Head, HeadFeatures
from encnet.model.heads import HEADS
from encnet.model.options import ModelOptions
from encnet.system.errors import InputError

STRIDES: dict[str, int] = {"DeepLabV3Plus": 16, "PSPNet": 16, "FPN": 32, "Unet": 32, "UPerNet": 32, "Segformer": 32}
"""Decoder of the library -> stride of the last stage that it reads.

DeepLabV3+, FPN, Unet and UPerNet read what the library gives them by default. By default its PSPNet reads stage 2 of an
undilated network, without the two stages after it; here it reads stage 4, as its paper does.
"""

PREFIX = "smp_"
"""What the names of these heads begin with."""


class LibraryHead(Head):
    """A decoder of the library between our backbone and its last convolution; it has neither context nor presence.

    The library upsamples its scores with align_corners; here they are upsampled as those of all heads.

    Args:
        decoder: features at strides 1, 2, 4, 8, 16 and 32 -> features.
        classifier: features -> scores.
    """

    context = None
    presence = None

    def __init__(self, decoder: nn.Module, classifier: nn.Conv2d) -> None:
        super().__init__()
        self.decoder: nn.Module = decoder
        self.classifier: nn.Conv2d = classifier

    def prepare(self, stages: Stages) -> HeadFeatures:
        stem = stages.stem
        assert stem is not None
        height, width = stem.shape[-2:]
        # Of the image itself the decoders read only the size.
        image = stem.new_empty(1, 1, 1, 1).expand(1, 1, 2 * height, 2 * width)
        return HeadFeatures(self.decoder([image, stem, *stages[1:]]))

    def classify(self, features: Tensor, finer: Sequence[Tensor] = ()) -> Tensor:
        return self.classifier(features)


def _built(architecture: str, options: ModelOptions, classes: int, backbone: Backbone) -> Head:
    if backbone.channels[0] == 0:
        raise InputError(f"{architecture} needs a backbone with features at stride 2", "backbone")
    name = options.backbone
    further = {"encoder_depth": 5} if architecture == "PSPNet" else {}
    network: Any = library_network(architecture, name, classes, **further)
    convolutions = [module for module in network.segmentation_head.modules() if isinstance(module, nn.Conv2d)]
    return LibraryHead(network.decoder, convolutions[-1])


def _builder(architecture: str) -> Callable[[ModelOptions, int, Backbone, Sequence[int]], Head]:
    def build(options: ModelOptions, classes: int, backbone: Backbone, channels: Sequence[int]) -> Head:
        return _built(architecture, options, classes, backbone)

    return build


def register() -> None:
    """Makes the decoders known to encnet as heads, by the name of :data:`PREFIX` and the decoder."""
    HEADS.update({f"{PREFIX}{architecture}": _builder(architecture) for architecture in STRIDES})
