"""Networks and images that are measured: untrained, but with features as large as a trained network's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from encnet.benchmark.measure import gigaflop_unrun
from encnet.data.scenes import generate_scene
from encnet.data.scenes.scene import MIN_HEIGHT, MIN_WIDTH
from encnet.model.blocks import DilatedDepthwise
from encnet.model.build import IMAGENET_MEAN, IMAGENET_STD
from encnet.model.encnet import EncNet
from encnet.model.info import ModelInfo
from encnet.model.variants import create_model
from encnet.model.wide_conv import WideConv

_STATISTICS_SHAPE = (4, 128, 160)


def drawn_images(shape: tuple[int, int, int]) -> np.ndarray:
    """Scenes of the generator, brought to a size: (images, height, width) -> (B, H, W, 3), uint8.

    Noise would be another job than photographs are: neighbouring pixels of a photograph mostly get the same label.
    """
    batch, height, width = shape
    scale = max(MIN_HEIGHT / height, MIN_WIDTH / width)
    scale = scale if scale > 1 else min(1.0, max(640 / width, MIN_HEIGHT / height, MIN_WIDTH / width))
    drawn = (max(MIN_HEIGHT, round(height * scale)), max(MIN_WIDTH, round(width * scale)))
    scenes = (generate_scene(seed, height=drawn[0], width=drawn[1]).image for seed in range(batch))
    return np.stack([np.asarray(Image.fromarray(scene).resize((width, height))) for scene in scenes])


def untrained(variant: str, classes: int, **options: Any) -> EncNet:
    """A variant with random weights, in eval mode, the same each time.

    Batch norm has the statistics of its own features, and no branch starts at zero, as some constructors have it: an
    engine could find out that a branch is zero and leave it out.
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


def plain_convolutions(network: EncNet) -> EncNet:
    """The network with PyTorch's own convolutions in the place of those that train faster, changed in place."""
    for module in network.modules():
        if isinstance(module, WideConv | DilatedDepthwise):
            module.__class__ = nn.Conv2d  # pyright: ignore[reportAttributeAccessIssue]
    return network


def widened(network: EncNet, classes: int) -> EncNet:
    """The network with another number of classes, changed in place; also more than the 255 of label maps.

    Its information says what it said before, so it cannot be saved.
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
    """uint8 (B, H, W, 3) -> float32 (B, 3, H, W), by a model's mean and standard deviation; None takes ImageNet's."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)
    numbers = (IMAGENET_MEAN, IMAGENET_STD) if info is None else (info.mean, info.std)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in numbers)
    return pixels.sub_(mean).div_(std).contiguous(memory_format=layout)


def forward_gigaflop(variant: str, classes: int, shape: tuple[int, int, int], training: bool = False) -> float:
    """Of one forward pass of a variant, (images, height, width), in 10⁹; in training with what only the loss reads.
    Convolutions count as plain ones, though some get by with fewer operations.
    """

    def build() -> Callable[[], object]:
        network = plain_convolutions(create_model(variant, classes).train(training))
        images = torch.empty(shape[0], 3, *shape[1:])
        return lambda: network(images, full_size=False)

    return gigaflop_unrun(build)


def backbone_of(variant: str) -> str:
    """timm's name of a variant's backbone.

    Raises:
        InputError: there is no such variant.
    """
    with torch.device("meta"):
        return str(create_model(variant, 2).info.options["backbone"])
