"""MMSegmentation's files: tensor names, and settings from keys and from metadata."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.system.errors import InputError
from encnet.weights import mmseg
from encnet.weights.convert import convert_file
from encnet.weights.reading import read_foreign
from encnet.weights.sources import Answers, Conversion, ForeignFile, Setting

CONFIG = """
norm_cfg = dict(type='SyncBN', requires_grad=True)
crop_size = (512, 512)
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=data_preprocessor,
    pretrained='open-mmlab://resnet50_v1c',
    backbone=dict(
        type='ResNetV1c', depth=50, num_stages=4, out_indices=(0, 1, 2, 3), dilations=(1, 1, 2, 4),
        strides=(1, 2, 1, 1), norm_cfg=norm_cfg, norm_eval=False, style='pytorch', contract_dilation=True),
    decode_head=dict(type='EncHead', align_corners=True, loss_decode=dict(loss_weight=1.0)),
    test_cfg=dict(mode='slide', crop_size=(769, 769), stride=(513, 513)))
optimizer = dict(type='SGD', lr=0.01, momentum=-0.9)
"""


def convert(state: dict[str, Tensor], meta: dict[str, Any], **answers: Any) -> Conversion:
    return mmseg.convert(ForeignFile(Path("theirs.pth"), state, meta), Answers(**answers))


@pytest.mark.parametrize(
    ("variant", "classes", "options"),
    [
        ("encnet_resnet50", 19, {"lateral": True, "align_corners": False}),
        pytest.param(
            *("encnet_resnet101", 150, {"lateral": False, "align_corners": True, "head_channels": 64}),
            marks=pytest.mark.slow,
        ),
        (
            "encnet_jpu_resnet50",
            150,
            {
                "backbone": "resnet50c",
                "backbone_dilations": (2, 4),
                "conv_in_kernel": 3,
                "align_corners": False,
                "head_channels": 64,
            },
        ),
    ],
)
def test_a_round_trip_is_bitwise_exact(
    variant: str,
    classes: int,
    options: dict[str, Any],
    randomised: Callable[..., EncNet],
    as_mmseg: Callable[[EncNet], dict[str, Tensor]],
    assert_same: Callable[[EncNet, EncNet], None],
    tmp_path: Path,
) -> None:
    model = randomised(variant, classes, **options)
    torch.save({"meta": {"epoch": 3}, "state_dict": as_mmseg(model)}, tmp_path / "theirs.pth")
    convert_file(
        tmp_path / "theirs.pth", tmp_path / "ours.safetensors", Answers(align_corners=options["align_corners"])
    )
    again = encnet.load(tmp_path / "ours.safetensors")
    assert_same(model, again)
    assert again.info.variant == variant
    assert again.info.options == model.info.options
    assert again.align_corners == options["align_corners"]


def test_written_names_and_shapes_are_those_of_mmsegmentation(
    randomised: Callable[..., EncNet], as_mmseg: Callable[[EncNet], dict[str, Tensor]]
) -> None:
    state = as_mmseg(randomised("encnet_resnet50", 19, lateral=True))
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert shapes["backbone.stem.0.weight"] == (32, 3, 3, 3)
    assert shapes["backbone.stem.7.running_var"] == (64,)
    assert shapes["decode_head.bottleneck.conv.weight"] == (512, 2048, 3, 3)
    assert shapes["decode_head.lateral_convs.1.conv.weight"] == (512, 1024, 1, 1)
    assert shapes["decode_head.fusion.conv.weight"] == (512, 1536, 3, 3)
    assert shapes["decode_head.enc_module.encoding_project.conv.weight"] == (512, 512, 1, 1)
    assert shapes["decode_head.enc_module.encoding.0.codewords"] == (32, 512)
    assert shapes["decode_head.enc_module.encoding.1.weight"] == (32,)
    assert shapes["decode_head.se_layer.weight"] == (19, 512)
    assert shapes["auxiliary_head.convs.0.conv.weight"] == (256, 1024, 3, 3)
    assert shapes["auxiliary_head.conv_seg.weight"] == (19, 256, 1, 1)


def test_align_corners_comes_from_argument_or_metadata_and_is_required(
    small: Callable[..., EncNet], as_mmseg: Callable[[EncNet], dict[str, Tensor]]
) -> None:
    state = as_mmseg(small())
    with pytest.raises(InputError, match=r"theirs\.pth does not say .* give align_corners"):
        convert(state, {})
    for meta, answer, value, origin in (
        ({}, True, True, "argument"),
        ({"align_corners": True}, None, True, "meta"),
        ({"cfg": CONFIG}, None, True, "meta"),
        ({"config": CONFIG.replace("align_corners=True", "align_corners=False")}, None, False, "meta"),
        ({"cfg": CONFIG}, False, False, "argument"),
    ):
        setting = convert(state, meta, align_corners=answer).settings["align_corners"]
        assert (setting.value, setting.origin) == (value, origin)


def test_metadata_of_mmengine_and_of_older_files_is_read(
    small: Callable[..., EncNet], as_mmseg: Callable[[EncNet], dict[str, Tensor]]
) -> None:
    state = as_mmseg(small(2))
    palette = [[128, 64, 128], [244, 35, 232]]
    mmengine = {"cfg": CONFIG, "dataset_meta": {"classes": ("road", "sidewalk"), "palette": palette}}
    older = {
        "config": CONFIG.replace("data_preprocessor", "img_norm_cfg").replace("bgr_to_rgb", "to_rgb"),
        "CLASSES": ("road", "sidewalk"),
        "PALETTE": palette,
    }
    for meta in (mmengine, older):
        conversion = convert(state, meta)
        assert list(conversion.classes) == ["road", "sidewalk"]
        assert conversion.palette == palette
        assert conversion.crop == (512, 512)
        for name, values in (("mean", (0.485, 0.456, 0.406)), ("std", (0.229, 0.224, 0.225))):
            assert conversion.settings[name].value == values
            assert conversion.settings[name].origin == "meta"
        assert (conversion.settings["output_stride"].value, conversion.settings["output_stride"].origin) == (8, "meta")
    bare = convert(state, {}, align_corners=False, mean=[0.1, 0.2, 0.3])
    assert (bare.settings["mean"].value, bare.settings["mean"].origin) == ((0.1, 0.2, 0.3), "argument")
    assert bare.settings["std"].origin == "convention"


def test_a_file_written_by_mmengine_is_read(
    small: Callable[..., EncNet], as_mmseg: Callable[[EncNet], dict[str, Tensor]]
) -> None:
    file = read_foreign(Path(__file__).parents[1] / "fixtures/mmseg/meta.pth")
    assert torch.equal(file.tensors["weight"], torch.arange(3.0))
    conversion = convert(as_mmseg(small(2)), dict(file.meta))
    assert list(conversion.classes) == ["road", "sky"]
    assert conversion.crop == (769, 769)
    assert conversion.settings["align_corners"] == Setting(True, "meta")
    assert conversion.settings["output_stride"] == Setting(8, "meta")
    assert conversion.settings["mean"] == Setting((0.485, 0.456, 0.406), "meta")


def test_a_network_for_bgr_images_is_converted_to_rgb(
    small: Callable[..., EncNet], as_mmseg: Callable[[EncNet], dict[str, Tensor]], tmp_path: Path
) -> None:
    model = small(3)
    config = CONFIG.replace("bgr_to_rgb=True", "bgr_to_rgb=False").replace("align_corners=True", "align_corners=False")
    torch.save({"state_dict": as_mmseg(model), "meta": {"cfg": config}}, tmp_path / "bgr.pth")
    convert_file(tmp_path / "bgr.pth", tmp_path / "rgb.safetensors")
    turned = encnet.load(tmp_path / "rgb.safetensors")
    assert turned.info.mean == [0.406, 0.456, 0.485]
    images = torch.rand(1, 3, 40, 56)
    with torch.inference_mode():
        torch.testing.assert_close(turned(images).logits, model(images.flip(1)).logits)


@pytest.mark.parametrize(
    ("strides", "dilations", "contracted", "expected"),
    [
        ((1, 2, 1, 1), (1, 1, 2, 4), True, {"output_stride": 8}),
        ((1, 2, 2, 1), (1, 1, 1, 2), True, {"output_stride": 16}),
        ((1, 2, 2, 2), (1, 1, 1, 1), False, {"output_stride": 32}),
        ((1, 2, 2, 2), (1, 1, 2, 4), True, {"output_stride": 32, "backbone_dilations": (2, 4)}),
        ((1, 2, 1, 1), (1, 1, 2, 4), False, {"output_stride": 8, "whole_stage_dilation": True}),
        ((1, 2, 2, 1), (1, 1, 2, 4), True, {"output_stride": 16, "backbone_dilations": (2, 4)}),
        ((1, 2, 1, 2), (1, 1, 2, 4), True, None),
        ((1, 2, 1, 1), (1, 1, 3, 6), True, None),
        ((1, 2, 1), (1, 1, 2), True, None),
    ],
)
def test_strides_and_dilations_come_from_the_config(
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    contracted: bool,
    expected: dict[str, Any] | None,
    small: Callable[..., EncNet],
    as_mmseg: Callable[[EncNet], dict[str, Tensor]],
) -> None:
    backbone = f"backbone=dict(strides={strides}, dilations={dilations}, contract_dilation={contracted})"
    meta = {"align_corners": False, "cfg": f"model = dict({backbone})"}
    state = as_mmseg(small())
    if expected is None:
        with pytest.raises(InputError, match=r"theirs\.pth has a backbone that encnet does not have, with strides"):
            convert(state, meta)
        return
    settings = convert(state, meta).settings
    names = ("output_stride", "backbone_dilations", "whole_stage_dilation")
    assert {name: settings[name].value for name in names if name in settings} == expected


@pytest.mark.parametrize("extra", ["multi_grid=(1, 2, 4)", "style='caffe'"])
def test_unsupported_backbones_are_refused(
    extra: str, small: Callable[..., EncNet], as_mmseg: Callable[[EncNet], dict[str, Tensor]]
) -> None:
    config = CONFIG.replace("style='pytorch'", extra)
    with pytest.raises(InputError, match=extra.split("=")[0]):
        convert(as_mmseg(small()), {"cfg": config})


def test_a_neck_with_another_interpolation_is_refused(
    small: Callable[..., EncNet], as_mmseg: Callable[[EncNet], dict[str, Tensor]]
) -> None:
    config = CONFIG.replace("decode_head=", "neck=dict(type='JPU', align_corners=False), decode_head=")
    with pytest.raises(InputError, match="align_corners False in its neck and True in its head"):
        convert(as_mmseg(small()), {"cfg": config})


def test_a_network_without_auxiliary_head_and_se_branch_is_converted(
    small: Callable[..., EncNet],
    as_mmseg: Callable[[EncNet], dict[str, Tensor]],
    assert_same: Callable[[EncNet, EncNet], None],
    tmp_path: Path,
) -> None:
    model = small(5, aux=False, se=False, num_codes=7)
    torch.save(as_mmseg(model), tmp_path / "theirs.pth")
    convert_file(tmp_path / "theirs.pth", tmp_path / "ours.safetensors", Answers(align_corners=False))
    again = encnet.load(tmp_path / "ours.safetensors")
    assert_same(model, again)
    assert again.info.options["num_codes"] == 7
