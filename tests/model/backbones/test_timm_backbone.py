"""Backbones of timm: dilations, strides, and options that are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from encnet.model.backbones.timm_backbone import DilatedBackbone
from encnet.system.errors import InputError


def strides_and_dilations(backbone: DilatedBackbone, stage: str) -> list[tuple[int, int]]:
    """Returns (stride, dilation) of each 3x3 convolution of a ResNet's stage."""
    convs = [module for module in backbone.network.get_submodule(stage).modules() if isinstance(module, nn.Conv2d)]
    spatial = [conv for conv in convs if conv.kernel_size == (3, 3)]
    assert all(conv.padding == conv.dilation for conv in spatial)
    return [(int(conv.stride[0]), int(conv.dilation[0])) for conv in spatial]


@pytest.mark.parametrize(
    ("output_stride", "stage3", "stage4"),
    [
        (8, [(1, 1)] + [(1, 2)] * 5, [(1, 2)] + [(1, 4)] * 2),
        (16, [(2, 1)] + [(1, 1)] * 5, [(1, 1)] + [(1, 2)] * 2),
        (32, [(2, 1)] + [(1, 1)] * 5, [(2, 1)] + [(1, 1)] * 2),
    ],
)
def test_output_stride_decides_strides_and_dilations(
    output_stride: int, stage3: list[tuple[int, int]], stage4: list[tuple[int, int]]
) -> None:
    backbone = DilatedBackbone("resnet50c", output_stride)
    assert strides_and_dilations(backbone, "layer2") == [(2, 1)] + [(1, 1)] * 3
    assert strides_and_dilations(backbone, "layer3") == stage3
    assert strides_and_dilations(backbone, "layer4") == stage4


def test_dilations_can_be_set_without_changing_strides() -> None:
    backbone = DilatedBackbone("resnet50c", 32, dilations=(2, 4))
    assert strides_and_dilations(backbone, "layer2") == [(2, 1)] + [(1, 1)] * 3
    assert strides_and_dilations(backbone, "layer3") == [(2, 1)] + [(1, 2)] * 5
    assert strides_and_dilations(backbone, "layer4") == [(2, 2)] + [(1, 4)] * 2


@pytest.mark.parametrize("name", ["resnet18", "resnet50c"])
def test_default_dilations_can_be_written_out(name: str) -> None:
    torch.manual_seed(0)
    backbone, explicit = DilatedBackbone(name).eval(), DilatedBackbone(name, dilations=[2, 4]).eval()
    explicit.load_state_dict(backbone.state_dict())
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(backbone(images).stage4, explicit(images).stage4)


def test_whole_stage_dilation_includes_the_first_block() -> None:
    backbone = DilatedBackbone("resnet50d", whole_stage_dilation=True)
    assert strides_and_dilations(backbone, "layer3") == [(1, 2)] * 6
    assert strides_and_dilations(backbone, "layer4") == [(1, 4)] * 3
    for stage in ("layer3", "layer4"):
        assert not any(isinstance(module, nn.AvgPool2d) for module in backbone.network.get_submodule(stage).modules())


@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "regnetx_002", "convnext_atto"])
def test_backbones_of_other_families_have_the_output_stride(name: str) -> None:
    backbone = DilatedBackbone(name, 16).eval()
    assert backbone.strides[-1] == backbone.multiple_of == 16
    with torch.inference_mode():
        stages = backbone(torch.randn(1, 3, 64, 64))
    assert stages.stage4.shape == (1, backbone.channels[4], 4, 4)


@pytest.mark.parametrize(
    "option",
    [
        "checkpoint_path",
        "pretrained",
        "pretrained_cfg",
        "pretrained_cfg_overlay",
        "cache_dir",
        "act_layer",
        "block_args",
    ],
)
def test_options_that_read_other_files_or_look_up_names_are_refused(option: str) -> None:
    with pytest.raises(InputError) as error:
        DilatedBackbone("resnet18", options={"stem_width": 32, option: "weights.pth"})
    message = str(error.value)
    assert message.startswith(f"backbone_options has '{option}'") and "\n" not in message and ". " not in message
    assert error.value.argument == "backbone_options"


@pytest.mark.parametrize(
    ("arguments", "argument", "message"),
    [
        ({"name": "resnet_fifty"}, "backbone", "timm has no backbone 'resnet_fifty'"),
        ({"name": "vit_tiny_patch16_224"}, "backbone", "choose one that timm can dilate"),
        ({"options": {"fix_stem": True}}, "backbone", "cannot be built as a feature extractor .*fix_stem"),
        ({"options": {"sparkle": 1}}, "backbone_options", "backbone_options has 'sparkle', but may have only"),
        ({"options": {"layers": [10**9] * 4}}, "backbone_options", "backbone_options.layers is .*from 1 to 100"),
        ({"options": {"stem_type": "os.system"}}, "backbone_options", "backbone_options.stem_type is 'os.system'"),
        ({"output_stride": 4}, "output_stride", "output_stride is 4; it must be 8, 16 or 32"),
        ({"dilations": (2,)}, "backbone_dilations", r"backbone_dilations is \[2\]; it must be two positive numbers"),
        ({"dilations": (2, 0)}, "backbone_dilations", r"backbone_dilations is \[2, 0\]"),
        (
            {"dilations": (2, 4), "name": "mobilenetv3_small_050"},
            "backbone_dilations",
            "'mobilenetv3_small_050' is not a ResNet of timm; leave out backbone_dilations",
        ),
        (
            {"whole_stage_dilation": True, "name": "mobilenetv3_small_050"},
            "whole_stage_dilation",
            "is not a ResNet of timm; leave out whole_stage_dilation",
        ),
        ({"recompute_stages": 1, "name": "regnety_002"}, "recompute_stages", "leave out recompute_stages"),
    ],
)
def test_wrong_arguments_are_refused_by_name(arguments: dict[str, Any], argument: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        DilatedBackbone(**{"name": "resnet18", **arguments})
    assert error.value.argument == argument
    assert "\n" not in str(error.value)


def test_missing_weights_file_is_named() -> None:
    with pytest.raises(InputError, match=r"there is no weights file nothing\.pth") as error:
        DilatedBackbone("resnet18").load_pretrained("nothing.pth")
    assert error.value.argument == "pretrained"
