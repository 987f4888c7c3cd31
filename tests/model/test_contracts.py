"""The interfaces of backbones and heads, for every variant and every head."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from encnet.model.backbone import Backbone, Stages
from encnet.model.backbones import FAMILIES, build_backbone
from encnet.model.head import Head
from encnet.model.heads import HEADS
from encnet.model.network import Network
from encnet.model.options import ModelOptions
from encnet.model.variants import list_models, variant_options
from encnet.system.errors import InputError

CLASSES = 3
SMALL: dict[str, Any] = {"head_channels": 8, "num_codes": 4, "aux_channels": 8}
RESNET: dict[str, Any] = {"backbone_options": {"layers": [1, 1, 1, 1], "channels": [8, 12, 16, 20]}}
BRANCHES = [(True, True), (True, False), (False, True)]  # context, se
HEAD_CASES = [(head, neck, *branches) for head in HEADS for neck in (False, True) for branches in BRANCHES]


@cache
def variant_backbone(variant: str) -> Backbone:
    """Returns the backbone of a variant, with as few layers and channels as its family allows."""
    torch.manual_seed(0)
    changes = RESNET if "resnet" in variant_options(variant).backbone else {}
    return build_backbone(variant_options(variant, **SMALL, **changes)).eval()


@pytest.mark.parametrize("size", [(64, 96), (50, 67)], ids=["fits", "does not fit"])
@pytest.mark.parametrize("variant", list_models())
@torch.inference_mode()
def test_backbone_returns_stages_of_its_channels_and_strides(variant: str, size: tuple[int, int]) -> None:
    backbone = variant_backbone(variant)
    stages = backbone(torch.randn(2, 3, *size))
    assert isinstance(stages, Stages)
    assert len(backbone.channels) == 5 and len(backbone.strides) == 4
    assert (stages.stem is None) == (backbone.channels[0] == 0)
    for features, channels, stride in zip(stages, backbone.channels, (2, *backbone.strides), strict=True):
        if features is not None:
            assert features.shape == (2, channels, *(math.ceil(side / stride) for side in size))


@pytest.mark.parametrize("variant", list_models())
def test_all_strides_divide_the_preferred_divisor_of_image_sizes(variant: str) -> None:
    backbone = variant_backbone(variant)
    assert [backbone.multiple_of % stride for stride in backbone.strides] == [0] * 4
    assert sorted(backbone.strides) == list(backbone.strides)


@pytest.mark.parametrize("name", ["resnet18", "timm:resnet18"])
def test_backbones_are_found_with_and_without_their_family(name: str) -> None:
    options = ModelOptions(backbone=name, **RESNET)
    assert build_backbone(options).channels == (64, 8, 12, 16, 20)


def test_unknown_family_is_refused_with_the_list_of_families() -> None:
    with pytest.raises(InputError, match=f"backbone is 'moon:1'; it must be .* {', '.join(FAMILIES)}") as error:
        build_backbone(ModelOptions(backbone="moon:1"))
    assert error.value.argument == "backbone"


def test_unknown_head_is_refused_with_the_list_of_heads() -> None:
    with pytest.raises(InputError, match=f"head is 'hat'; it must be one of {', '.join(HEADS)}") as error:
        Network.from_options(variant_options("encnet_tiny", head="hat"), CLASSES)
    assert error.value.argument == "head"


@pytest.mark.parametrize(("head_name", "neck", "context", "se"), HEAD_CASES)
@torch.inference_mode()
def test_head_prepares_and_classifies(head_name: str, neck: bool, context: bool, se: bool) -> None:
    torch.manual_seed(0)
    options = ModelOptions(
        backbone="resnet18",
        head=head_name,
        jpu=neck,
        output_stride=32 if neck else 8,
        context=context,
        se=se,
        aux=False,
        **SMALL,
        **RESNET,
    )
    network = Network.from_options(options, CLASSES).eval()
    head = network.head
    assert isinstance(head, Head)
    assert head.classifier.out_channels == network.num_classes == CLASSES
    assert (head.context is not None) == context
    assert (head.presence is not None) == (context and se)

    stages = network.backbone(torch.randn(2, 3, 50, 67))
    stages = stages if network.neck is None else network.neck(stages)
    features, finer = head.prepare(stages)
    context_stage = stages[head.context_stage]
    assert context_stage is not None
    assert features.shape == (2, options.head_channels, *context_stage.shape[2:])
    assert network.context_pixels(50, 67) == features.shape[2] * features.shape[3]

    if head.context is not None:
        semantics, scaled = head.context(features)
        assert scaled.shape == features.shape
        if head.presence is not None:
            assert head.presence(semantics).shape == (2, CLASSES)
    logits = head.classify(features, finer)
    assert logits.shape[:2] == (2, CLASSES)
    assert all(side >= smaller for side, smaller in zip(logits.shape[2:], features.shape[2:], strict=True))


class FixedSize(Backbone):
    """A backbone for images of 32 x 48 pixels only."""

    channels = (0, 3, 3, 3, 3)
    strides = (8, 8, 8, 8)
    multiple_of = 8
    fixed_size = (32, 48)

    def forward(self, images: Tensor) -> Stages:
        features = torch.nn.functional.avg_pool2d(images, 8)
        return Stages(None, features, features, features, features)


@torch.inference_mode()
def test_only_the_fixed_size_of_a_backbone_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "fixed", lambda name, options: FixedSize())
    model = Network.from_options(ModelOptions(backbone="fixed:any", **SMALL), 2, variant="fixed").eval()
    assert model.example().shape == (1, 3, 32, 48)
    assert model(model.example()).logits.shape == (1, 2, 32, 48)
    for run in (model, model.prepare):
        with pytest.raises(InputError, match=r"images have 48 x 32 pixels .*, but fixed accepts only 32 x 48") as error:
            run(torch.zeros(1, 3, 48, 32))
        assert error.value.argument == "images"


def test_backbone_without_pretrained_weights_refuses_them() -> None:
    with pytest.raises(InputError, match="FixedSize has no pretrained weights, and pretrained is 'timm'") as error:
        FixedSize().load_pretrained("timm")
    assert error.value.argument == "pretrained"
