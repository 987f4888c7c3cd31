"""What has to travel with a model's weights so that they can be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class ModelInfo:
    """Everything that a checkpoint says about its model, as JSON types.

    It rebuilds the network, feeds it as it was trained, and names what it returns.
    """

    variant: str
    """Name of the builder, "encnet_resnet50" for example."""
    options: dict[str, Any]
    """Every argument of :func:`encnet.model.build.build_encnet` but the weights to start from."""
    mean: list[float]
    """Mean of each input channel, of values in 0-1, that is subtracted before the network."""
    std: list[float]
    """Standard deviation of each input channel, by which the difference is divided."""
    long_side: int | None = None
    """Length in pixels to which the long side of an image is brought before the network; None leaves its size."""
    classes: list[str] = field(default_factory=list)
    """Names of the classes, in the order of the logits."""
    palette: list[list[int]] = field(default_factory=list)
    """RGB colour of each class, 0-255."""
    context_pixels: int | None = None
    """Pixels of the feature map for which the context encoding was normalised, those of a training crop; the sums over
    an image of another size are scaled to it. None leaves them as they are."""
    presence_prior: float = 0.0
    """How much, in prediction, the logarithm of a class's presence adds to its logit at every pixel."""
    training: dict[str, Any] = field(default_factory=dict)
    """Summary of the training: data set, recipe, epochs, scores."""

    @property
    def coarsest_stride(self) -> int:
        """Pixels per place of the coarsest features of the network: all features fit images with multiples of it."""
        return 32 if self.options.get("jpu") else int(self.options.get("output_stride", 8))
