"""Mean and standard deviation of the input channels, as the weights of a backbone expect them."""

from __future__ import annotations

from typing import NamedTuple


class Normalisation(NamedTuple):
    """The numbers that images are normalised with, (x - mean) / std for values x in 0-1, and where they come from."""

    mean: tuple[float, ...]  #: of each channel
    std: tuple[float, ...]  #: of each channel
    source: str  #: "timm's configuration of resnet50c.gluon_in1k" for example

    def for_channels(self, channels: int) -> Normalisation:
        """Returns the numbers for images of another number of channels: their average over channels, repeated."""
        if channels == len(self.mean):
            return self
        mean, std = (sum(values) / len(values) for values in (self.mean, self.std))
        return Normalisation((mean,) * channels, (std,) * channels, f"{self.source}, averaged over its channels")


IMAGENET_MEAN: tuple[float, float, float] = (0.485, 0.456, 0.406)
IMAGENET_STD: tuple[float, float, float] = (0.229, 0.224, 0.225)
IMAGENET: Normalisation = Normalisation(IMAGENET_MEAN, IMAGENET_STD, "the statistics of ImageNet")
"""The convention for RGB photographs."""
