"""Dilated feature extractors: any timm network that can keep its resolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
from torch import Tensor, nn

from encnet.errors import InputError


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
        channels: channels of stages 1 to 4.
        strides: their strides in pixels; (4, 8, 8, 8) with ``output_stride=8``.

    Shapes:
        input (B, in_channels, H, W), normalised -> tuple of stages 1, 2, 3, 4, each (B, channels[i], ~H/strides[i],
        ~W/strides[i]).

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
        features: Any = self.network.feature_info
        strides = features.reduction()
        if len(strides) < 4 or strides[-1] != output_stride:
            raise InputError(
                f"backbone {name!r} has stages of strides {strides}, where four with a last one of {output_stride} "
                "are needed; choose one that timm can dilate, a ResNet for example"
            )
        self.channels: tuple[int, ...] = tuple(features.channels()[-4:])
        self.strides: tuple[int, ...] = tuple(strides[-4:])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(images)[-4:])
