"""The interface of a backbone: images -> features at up to five resolutions. A new family imports only this file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn

from encnet.model.normalisation import IMAGENET, Normalisation
from encnet.system.errors import InputError


class Stages(NamedTuple):
    """What a :class:`Backbone` returns: features (B, C, h, w), from fine to coarse."""

    stem: Tensor | None  #: at stride 2; None if the network has no features there
    stage1: Tensor  #: at stride 4
    stage2: Tensor  #: at stride 8
    stage3: Tensor  #: at stride 8 or 16
    stage4: Tensor  #: at stride 8, 16 or 32


class Backbone(nn.Module, ABC):
    """Images -> :class:`Stages`: the interface of every backbone.

    A new family is a subclass and an entry in :data:`encnet.model.backbones.FAMILIES`. Its constructor sets the
    attributes below; heads, prediction and training read no others.

    Shapes:
        input (B, in_channels, H, W), float, normalised by the model's mean and std -> :class:`Stages`, whose features
        have ⌈H / stride⌉ rows and ⌈W / stride⌉ columns.
    """

    channels: tuple[int, ...]
    """Channels of the stem (0 if there is none) and of stages 1 to 4: five numbers."""
    strides: tuple[int, ...]
    """Strides of stages 1 to 4, in input pixels: (4, 8, 8, 8) for a network that is dilated to stride 8."""
    multiple_of: int = 1
    """Preferred divisor of the height and width of images, in pixels: prediction pads images to multiples of it."""
    fixed_size: tuple[int, int] | None = None
    """Height and width that all images must have; None allows any size."""
    normalisation: Normalisation = IMAGENET
    """Mean and standard deviation of the channels that the weights expect; the options of a model may replace them.
    :meth:`load_pretrained` sets those of the weights that it loads, if they differ."""

    @abstractmethod
    def forward(self, images: Tensor) -> Stages:
        """Images (B, in_channels, H, W) -> features of all stages."""

    def first_stages(self, number: int) -> list[nn.Module]:
        """Returns the modules of the stem and of the first stages, 0 to 4 of them; none for 0.

        Raises:
            InputError: the backbone does not say which modules these are. By default it does not.
        """
        if number == 0:
            return []
        raise InputError(
            f"{type(self).__name__} does not say which modules its first stages are; leave out optimizer.frozen_stages",
            "frozen_stages",
        )

    def load_pretrained(self, source: str) -> None:
        """Loads pretrained weights into the backbone, in place.

        Args:
            source: "timm", "package", or the path of a weights file.

        Raises:
            InputError: the weights do not exist or do not fit. By default a backbone has no pretrained weights.
        """
        raise InputError(
            f"{type(self).__name__} has no pretrained weights, and pretrained is {source!r}; leave it out", "pretrained"
        )
