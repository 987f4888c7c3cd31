"""Networks that are measured: untrained, but with features as large as those of a trained network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.measure import gigaflop_unrun
from encnet.benchmark.drawn import drawn_images
from encnet.benchmark.images import Shape
from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.kernels.acceleration import plain
from encnet.model.info import ModelInfo
from encnet.model.normalisation import IMAGENET_MEAN, IMAGENET_STD

_STATISTICS_SHAPE = (4, 128, 160)


def untrained(variant: str, classes: int, **options: Any) -> EncNet:
    """Returns a variant in eval mode with random weights, the same in each call.

    Batch norms have the statistics of their own features. Branches that some constructors initialise with zero are not
    zero here, because an engine could detect such a branch and leave it out.
    """
    torch.manual_seed(0)
    network = create_model(variant, classes, **options)
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
        if not bool(norm.weight.any()):
            nn.init.constant_(norm.weight, 0.5)
    images = normalised(drawn_images(_STATISTICS_SHAPE), torch.channels_last, network.info)
    with torch.no_grad():
        network.train()(images)
    for norm in norms:
        norm.momentum = 0.1
    return network.eval()


def widened(network: EncNet, classes: int) -> EncNet:
    """Returns the network, changed in place to another number of classes, which may exceed the 255 of label maps.

    Its ``info`` is not changed, so it cannot be saved.
    """
    head: Any = network.head
    with torch.random.fork_rng():
        torch.manual_seed(1)
        old = head.classifier
        head.classifier = nn.Conv2d(old.in_channels, classes, old.kernel_size, padding=old.padding)
        if head.presence is not None:
            head.presence = nn.Linear(head.presence.in_features, classes)
    return network


def normalised(images: np.ndarray, layout: torch.memory_format, info: ModelInfo | None = None) -> Tensor:
    """Normalises uint8 (B, H, W, 3) to float32 (B, 3, H, W), with the mean and standard deviation of a model, or of
    ImageNet without ``info``."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)
    numbers = (IMAGENET_MEAN, IMAGENET_STD) if info is None else (info.mean, info.std)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in numbers)
    return pixels.sub_(mean).div_(std).contiguous(memory_format=layout)


def forward_gigaflop(variant: str, classes: int, shape: Shape, training: bool = False) -> float:
    """Multiplications and additions of one forward pass of a variant on (images, height, width), in 10⁹; in training
    with the outputs that only the loss reads. Convolutions count as plain ones, though some need fewer operations.
    """

    def build() -> Callable[[], object]:
        network = plain(create_model(variant, classes).train(training))
        images = torch.empty(shape[0], 3, *shape[1:])
        return lambda: network(images, full_size=False)

    return gigaflop_unrun(build)


def backbone_of(variant: str) -> str:
    """The backbone of a variant, by timm's name.

    Raises:
        InputError: there is no such variant.
    """
    with torch.device("meta"):
        return str(create_model(variant, 2).info.options["backbone"])
