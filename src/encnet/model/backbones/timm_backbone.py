"""Dilated feature extractors: any timm network that accepts an output stride."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from torch import Tensor, nn

from encnet.kernels.recompute import RecomputedStage
from encnet.model.backbone import Backbone, Stages
from encnet.model.backbones.timm_arguments import require_allowed
from encnet.model.normalisation import IMAGENET, Normalisation
from encnet.model.options import ModelOptions
from encnet.model.pretrained import PACKAGE_NORMALISATION, load_pretrained
from encnet.system.checks import require
from encnet.system.errors import InputError, first_line
from encnet.system.text import quoted
from encnet.system.timm import EfficientNetFeatures, FeatureInfo, MobileNetV3Features, timm


class DilatedBackbone(Backbone):
    """A timm network without its classifier, whose last stages are dilated instead of strided.

    With ``output_stride=8``, stages 3 and 4 have dilation 2 and 4 (paper, section 3.2); with 16, stage 4 has dilation
    2; with 32, nothing is dilated. Like the published models, it has no multi-grid.

    Args:
        name: a timm model that supports ``features_only`` and ``output_stride``, "resnet50c" for example.
        output_stride: 8, 16 or 32.
        in_channels: channels of the images.
        options: further arguments of the timm constructor, of those in :data:`timm_arguments.ALLOWED`.
        dilations: dilations of stages 3 and 4 of a ResNet, which replace those that follow from ``output_stride``;
            strides stay. The first 3x3 convolution of a stage has the dilation of the stage before it.
        whole_stage_dilation: give the first block of a dilated ResNet stage the dilation of its other blocks, and a
            shortcut without average pooling, as in PaddleSeg's ResNet_vd.
        recompute_stages: number of stages of a ResNet, an EfficientNet or a MobileNet V3, counted from the first, 0 to
            4, that compute their inner features twice in training instead of keeping them
            (:class:`encnet.kernels.recompute.RecomputedStage`).

    Attributes:
        channels: channels of the stem (0 if there is none) and of stages 1 to 4.
        strides: strides of stages 1 to 4, in pixels; (4, 8, 8, 8) with ``output_stride=8``.

    Shapes:
        input (B, in_channels, H, W), normalised -> :class:`Stages`.

    Raises:
        InputError: timm has no such model, the model cannot be dilated, or an option does not fit it.
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
            raise InputError(f"timm has no backbone {quoted(name)}; `timm.list_models()` lists its models", "backbone")
        require_allowed(options or {})
        require(output_stride in (8, 16, 32), "output_stride", output_stride, "8, 16 or 32")
        try:
            self.network: nn.Module = timm.create_model(
                name, features_only=True, output_stride=output_stride, in_chans=in_channels, **(options or {})
            )
        except Exception as error:  # timm has no error class of its own
            raise InputError(
                f"backbone {name!r} cannot be built as a feature extractor with output_stride {output_stride} "
                f"({first_line(error)}); choose one that timm can dilate, a ResNet for example",
                "backbone",
            ) from error
        if dilations is not None:
            _dilate(self.network, name, dilations)
        if whole_stage_dilation:
            _dilate_first_blocks(self.network, name)
        if recompute_stages > 0:
            for stage in _stages_of(self.network, name, "recompute_stages")[:recompute_stages]:
                for path in stage:
                    part = self.network.get_submodule(path)
                    assert isinstance(part, nn.Sequential)
                    self.network.set_submodule(path, RecomputedStage(part))
        features: Any = self.network.feature_info
        strides = features.reduction()
        if len(strides) < 4 or strides[-1] != output_stride:
            raise InputError(
                f"backbone {name!r} has stages with strides {strides}, but four stages are needed, the last one with "
                f"stride {output_stride}; choose a backbone that timm can dilate, a ResNet for example",
                "backbone",
            )
        self.channels: tuple[int, ...] = (0, *features.channels())[-5:]
        self.strides: tuple[int, ...] = tuple(strides[-4:])
        self.multiple_of: int = self.strides[-1]
        self.normalisation: Normalisation = _normalisation(self.network, name)
        self.name: str = name

    @classmethod
    def from_options(cls, name: str, options: ModelOptions) -> Backbone:
        """Builds the backbone from the options of a network; see :data:`encnet.model.backbones.FAMILIES`."""
        return cls(
            name,
            options.output_stride,
            options.in_channels,
            options.backbone_options,
            options.backbone_dilations,
            options.whole_stage_dilation,
            options.recompute_stages,
        )

    def forward(self, images: Tensor) -> Stages:
        return Stages(*[None, *self.network(images)][-5:])

    def first_stages(self, number: int) -> list[nn.Module]:
        if number == 0:
            return []
        stages = _stages_of(self.network, self.name, "frozen_stages")
        stem = itertools.takewhile(lambda name: not stages[0][0].startswith(name), dict(self.network.named_children()))
        paths = [*stem, *itertools.chain.from_iterable(stages[:number])]
        return [self.network.get_submodule(path) for path in paths]

    def load_pretrained(self, source: str) -> None:
        """Loads weights with timm's names: from timm, from a Python package, or from a file."""
        load_pretrained(self.network, self.name, source)
        if source == "package":
            self.normalisation = PACKAGE_NORMALISATION


def _normalisation(network: nn.Module, name: str) -> Normalisation:
    """Returns the numbers of timm's pretrained configuration; ImageNet's for a model that was registered without."""
    config: Mapping[str, Any] = getattr(network, "pretrained_cfg", None) or {}
    if not config.get("mean") or not config.get("std"):
        return IMAGENET
    weights = ".".join(part for part in (config.get("architecture") or name, config.get("tag")) if part)
    return Normalisation(tuple(config["mean"]), tuple(config["std"]), f"timm's configuration of {weights}")


def _dilate(network: nn.Module, name: str, dilations: Sequence[int]) -> None:
    """Sets the dilations of stages 3 and 4 of a timm ResNet; strides stay."""
    stages = _resnet_stages(network, name, "backbone_dilations")[2:]
    valid = len(dilations) == len(stages) and min(dilations) >= 1
    require(valid, "backbone_dilations", list(dilations), "two positive numbers, for stages 3 and 4")
    previous = 1
    for stage, dilation in zip(stages, dilations, strict=True):
        for index, conv in enumerate(_spatial_convs(stage)):
            rate = previous if index == 0 else dilation
            conv.dilation = conv.padding = (rate, rate)
        previous = dilation


def _dilate_first_blocks(network: nn.Module, name: str) -> None:
    """Changes the first block of each dilated stage as ``whole_stage_dilation`` describes; strides stay."""
    for stage in _resnet_stages(network, name, "whole_stage_dilation")[2:]:
        convs = _spatial_convs(stage)
        if convs[-1].dilation == (1, 1):
            continue
        convs[0].dilation = convs[0].padding = convs[-1].dilation
        pools = [path for path, module in stage.named_modules() if isinstance(module, nn.AvgPool2d)]
        for path in pools:
            stage.set_submodule(path, nn.Identity())


def _resnet_stages(network: nn.Module, name: str, argument: str) -> list[nn.Module]:
    """Returns stages 1 to 4 of a timm ResNet; other networks do not support ``argument``."""
    modules = (getattr(network, f"layer{number}", None) for number in (1, 2, 3, 4))
    stages = [module for module in modules if isinstance(module, nn.Module)]
    if len(stages) != 4:
        raise InputError(f"backbone {name!r} is not a ResNet of timm; leave out {argument}", argument)
    return stages


def _stages_of(network: nn.Module, name: str, argument: str) -> list[list[str]]:
    """Returns stages 1 to 4 of a timm network, each as the paths of its modules in order.

    Other networks than those of the three families are an error, which names ``argument``.

    An EfficientNet has up to seven groups of blocks; a stage ends with each group whose features timm returns. The
    first stage includes the group before it, at stride 2, whose features are the largest of all.
    """
    if isinstance(network, EfficientNetFeatures | MobileNetV3Features):
        groups = [f"blocks.{number}" for number, _ in enumerate(network.blocks)]
        info = cast(FeatureInfo, network.feature_info)
        matches = [re.fullmatch(r"blocks\.(\d+)", module) for module in info.module_name()[-4:]]
        ends = [int(match[1]) + 1 for match in matches if match is not None]
        if len(ends) == 4:  # features at the ends of groups, not inside their last blocks
            return [groups[start:end] for start, end in itertools.pairwise([0, *ends])]
    elif hasattr(network, "layer4"):
        _resnet_stages(network, name, argument)
        return [[f"layer{number}"] for number in (1, 2, 3, 4)]
    raise InputError(
        f"backbone {name!r} is not a ResNet, EfficientNet or MobileNet V3 of timm; leave out {argument}", argument
    )


def _spatial_convs(stage: nn.Module) -> list[nn.Conv2d]:
    """Returns the 3x3 convolutions of a stage, in forward order."""
    return [module for module in stage.modules() if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)]
