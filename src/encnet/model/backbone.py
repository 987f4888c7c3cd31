"""Dilated feature extractors: any timm network that can keep its resolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import timm
from torch import Tensor, nn

from encnet.errors import InputError
from encnet.model.blocks import speed_up_dilated_depthwise


class Stages(NamedTuple):
    """What :class:`DilatedBackbone` returns: features (B, C, h, w), from fine to coarse."""

    stem: Tensor | None  #: at stride 2; None where the network has no features there
    stage1: Tensor  #: at stride 4
    stage2: Tensor  #: at stride 8
    stage3: Tensor  #: at stride 8 or 16
    stage4: Tensor  #: at stride 8, 16 or 32


class DilatedBackbone(nn.Module):
    """A timm network cut before its classifier, whose last stages are dilated instead of strided.

    With ``output_stride=8`` stages 3 and 4 have dilation 2 and 4 (paper, section 3.2), with 16 stage 4 has dilation 2,
    with 32 nothing is dilated. There is no multi-grid, as in the published models.

    Args:
        name: a timm model that offers ``features_only`` with ``output_stride``, "resnet50c" for example.
        output_stride: 8, 16 or 32.
        in_channels: channels of the images.
        options: further arguments of the timm constructor.

    Attributes:
        channels: channels of the stem (0 where there is none) and of stages 1 to 4.
        strides: of stages 1 to 4, in pixels; (4, 8, 8, 8) with ``output_stride=8``.

    Shapes:
        input (B, in_channels, H, W), normalised -> :class:`Stages`.

    Raises:
        InputError: timm has no such model, or the model cannot be dilated.
    """

    def __init__(
        self, name: str, output_stride: int = 8, in_channels: int = 3, options: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        if not timm.is_model(name):
            raise InputError(f"timm has no backbone {name!r}; `timm.list_models()` lists those there are")
        if output_stride not in (8, 16, 32):
            raise InputError(f"output_stride is {output_stride}; it must be 8, 16 or 32")
        try:
            self.network = timm.create_model(
                name, features_only=True, output_stride=output_stride, in_chans=in_channels, **(options or {})
            )
        except (TypeError, NotImplementedError, RuntimeError, AssertionError) as error:
            raise InputError(
                f"backbone {name!r} cannot be built as a feature extractor with output_stride {output_stride} "
                f"({error}); choose one that timm can dilate, a ResNet for example"
            ) from error
        speed_up_dilated_depthwise(self.network)
        features: Any = self.network.feature_info
        strides = features.reduction()
        if len(strides) < 4 or strides[-1] != output_stride:
            raise InputError(
                f"backbone {name!r} has stages of strides {strides}, where four with a last one of {output_stride} "
                "are needed; choose one that timm can dilate, a ResNet for example"
            )
        self.channels: tuple[int, ...] = (0, *features.channels())[-5:]
        self.strides: tuple[int, ...] = tuple(strides[-4:])

    def forward(self, images: Tensor) -> Stages:
        return Stages(*[None, *self.network(images)][-5:])
