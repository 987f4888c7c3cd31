"""Dilated feature extractors: any timm network that can keep its resolution."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import timm
from timm.models import FeatureInfo
from timm.models.efficientnet import EfficientNetFeatures
from timm.models.mobilenetv3 import MobileNetV3Features
from torch import Tensor, nn

from encnet.errors import InputError
from encnet.model.blocks import speed_up
from encnet.model.recompute import recompute


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
        dilations: of stages 3 and 4 of a ResNet, in place of those that follow from ``output_stride``; strides stay.
            As everywhere here, the first 3x3 convolution of a stage has the dilation of the stage before.
        whole_stage_dilation: let the first block of a dilated ResNet stage have the dilation of its other blocks, and a
            shortcut without average pool, as in PaddleSeg's ResNet_vd.
        recompute_stages: of a ResNet, an EfficientNet or a MobileNet V3, 0 to 4: how many stages, from the first,
            compute their inner features again for the derivative, instead of keeping them
            (:func:`encnet.model.recompute.recompute`).

    Attributes:
        channels: channels of the stem (0 where there is none) and of stages 1 to 4.
        strides: of stages 1 to 4, in pixels; (4, 8, 8, 8) with ``output_stride=8``.

    Shapes:
        input (B, in_channels, H, W), normalised -> :class:`Stages`.

    Raises:
        InputError: timm has no such model, or the model cannot be dilated.
    """

    def __init__(
        self,
        name: str,
        output_stride: int = 8,
        in_channels: int = 3,
        options: Mapping[str, Any] | None = None,
        dilations: Sequence[int] | None = None,
        whole_stage_dilation: bool = False,
        recompute_stages: int = 0,
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
        if dilations is not None:
            _dilate(self.network, name, dilations)
        if whole_stage_dilation:
            _dilate_first_blocks(self.network, name)
        if recompute_stages > 0:
            for stage in _recomputable_stages(self.network, name)[:recompute_stages]:
                for part in stage:
                    recompute(part)
        speed_up(self.network)
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


def _dilate(network: nn.Module, name: str, dilations: Sequence[int]) -> None:
    """Gives stages 3 and 4 of a timm ResNet these dilations, whatever their strides."""
    stages = _resnet_stages(network, name)[2:]
    if len(dilations) != len(stages) or min(dilations) < 1:
        raise InputError(
            f"backbone_dilations is {list(dilations)}; it must be two positive numbers, for stages 3 and 4"
        )
    before = 1
    for stage, dilation in zip(stages, dilations, strict=True):
        convs = _convolutions(stage)
        for index, conv in enumerate(convs):
            rate = before if index == 0 else dilation
            conv.dilation = conv.padding = (rate, rate)
        before = dilation


def _dilate_first_blocks(network: nn.Module, name: str) -> None:
    """Gives the first block of each dilated stage what ``whole_stage_dilation`` says; strides stay."""
    for stage in _resnet_stages(network, name)[2:]:
        convs = _convolutions(stage)
        if convs[-1].dilation == (1, 1):
            continue
        convs[0].dilation = convs[0].padding = convs[-1].dilation
        pools = [path for path, module in stage.named_modules() if isinstance(module, nn.AvgPool2d)]
        for path in pools:
            stage.set_submodule(path, nn.Identity())


def _resnet_stages(network: nn.Module, name: str) -> list[nn.Module]:
    """Stages 1 to 4 of a timm ResNet."""
    modules = (getattr(network, f"layer{number}", None) for number in (1, 2, 3, 4))
    stages = [module for module in modules if isinstance(module, nn.Module)]
    if len(stages) != 4:
        raise InputError(f"backbone {name!r} is no ResNet of timm's; leave out dilations of its own")
    return stages


def _recomputable_stages(network: nn.Module, name: str) -> list[list[nn.Module]]:
    """Stages 1 to 4 of a timm network, each as the modules that follow one another in it.

    An EfficientNet has up to seven groups of blocks; stages end where it has features to offer. The first stage also
    has the group before it, at stride 2, whose features are the largest of all.
    """
    if isinstance(network, EfficientNetFeatures | MobileNetV3Features):
        groups, info = list(network.blocks), cast(FeatureInfo, network.feature_info)
        names = [re.fullmatch(r"blocks\.(\d+)", module) for module in info.module_name()[-4:]]
        ends = [int(found[1]) + 1 for found in names if found is not None]
        if len(ends) == 4:  # features of whole groups, not of inside their last blocks
            return [groups[start:end] for start, end in itertools.pairwise([0, *ends])]
    elif hasattr(network, "layer4"):
        return [[stage] for stage in _resnet_stages(network, name)]
    raise InputError(
        f"backbone {name!r} is no ResNet, EfficientNet or MobileNet V3 of timm's; leave out recompute_stages"
    )


def _convolutions(stage: nn.Module) -> list[nn.Conv2d]:
    """Its 3x3 convolutions, in the order in which features go through them."""
    return [module for module in stage.modules() if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)]
