"""The JPU against its description, and the original and the later form of the network with it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encnet.checkpoint.create import create_model
from encnet.model.backbone import Stages
from encnet.model.jpu import JPU


def random_stages(height: int, width: int) -> Stages:
    """Returns features of an undilated backbone for images of 8·height x 8·width."""
    torch.manual_seed(1)
    sizes = [(height // s or 1, width // s or 1) for s in (1, 2, 4)]
    features = [torch.randn(2, c, *size, dtype=torch.float64) for c, size in zip((5, 6, 7), sizes, strict=True)]
    stage1 = torch.randn(2, 4, 2 * height, 2 * width, dtype=torch.float64)
    return Stages(None, stage1, *features)


def normalised(features: Tensor, norm: nn.Module) -> Tensor:
    """Returns the output of a 2D batch norm, computed from its equation."""
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
    mean, var = (features.mean((0, 2, 3)), features.var((0, 2, 3), unbiased=False))
    if not norm.training:
        mean, var = norm.running_mean, norm.running_var
    scale = norm.weight / (var + norm.eps).sqrt()
    return features * scale[:, None, None] + (norm.bias - mean * scale)[:, None, None]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [(8, 12), (9, 7)])
def test_jpu_equals_its_description(align_corners: bool, training: bool, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    jpu = JPU((0, 4, 5, 6, 7), 3, align_corners).double().train(training)
    stages = random_stages(*size)
    output = jpu(stages)
    assert output[:4] == stages[:4]
    pyramid = []
    for block, stage in zip(jpu.convs, (stages.stage2, stages.stage3, stages.stage4), strict=True):
        conv, norm, _ = block.children()
        assert isinstance(conv, nn.Conv2d)
        x = F.relu(normalised(F.conv2d(stage, conv.weight, padding=1), norm))
        pyramid.append(F.interpolate(x, size=size, mode="bilinear", align_corners=align_corners))
    joint, branches = torch.cat(pyramid, dim=1), []
    for block, d in zip(jpu.dilations, (1, 2, 4, 8), strict=True):
        depthwise, first_norm, pointwise, norm, _ = block.children()
        assert isinstance(depthwise, nn.Conv2d) and isinstance(pointwise, nn.Conv2d)
        padded, spatial = F.pad(joint, (d, d, d, d)), torch.zeros_like(joint)
        for dy in range(3):  # a depthwise convolution is a sum of nine shifted copies, weighted by channel
            for dx in range(3):
                shifted = padded[:, :, dy * d : dy * d + size[0], dx * d : dx * d + size[1]]
                spatial = spatial + shifted * depthwise.weight[:, 0, dy, dx][:, None, None]
        mixed = torch.einsum("oc,bchw->bohw", pointwise.weight[:, :, 0, 0], normalised(spatial, first_norm))
        branches.append(F.relu(normalised(mixed, norm)))
    assert output.stage4.shape == (2, 12, *size)
    torch.testing.assert_close(output.stage4, torch.cat(branches, dim=1))


def test_parameters_have_the_shapes_of_the_peers() -> None:
    jpu = JPU((64, 256, 512, 1024, 2048), 512)
    shapes = {name: tuple(tensor.shape) for name, tensor in jpu.named_parameters()}
    assert jpu.channels == (64, 256, 512, 1024, 2048)
    for i, stage in enumerate((512, 1024, 2048)):
        assert shapes[f"convs.{i}.0.weight"] == (512, stage, 3, 3)
    for i in range(4):
        assert shapes[f"dilations.{i}.0.weight"] == (1536, 1, 3, 3)
        assert shapes[f"dilations.{i}.1.weight"] == (1536,)
        assert shapes[f"dilations.{i}.2.weight"] == (512, 1536, 1, 1)
        assert shapes[f"dilations.{i}.3.weight"] == (512,)
    assert len(shapes) == 3 * 3 + 4 * 6  # no biases


def strides_and_dilations(model: nn.Module, stage: str) -> list[tuple[int, int]]:
    """Returns (stride, dilation) of each 3x3 convolution of a ResNet's stage."""
    convs = [m for m in model.get_submodule(f"backbone.network.{stage}").modules() if isinstance(m, nn.Conv2d)]
    spatial = [conv for conv in convs if conv.kernel_size == (3, 3)]
    assert all(conv.padding == conv.dilation for conv in spatial)
    return [(conv.stride[0], conv.dilation[0]) for conv in spatial]


def test_original_form_dilates_nothing() -> None:
    model = create_model("encnet_jpu_resnet50", 4).eval()
    assert model.align_corners and model.neck is not None and model.neck.align_corners
    assert strides_and_dilations(model, "layer3") == [(2, 1)] + [(1, 1)] * 5
    assert strides_and_dilations(model, "layer4") == [(2, 1)] + [(1, 1)] * 2
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert shapes["head.conv_in.0.weight"] == (512, 2048, 1, 1)
    assert shapes["backbone.network.conv1.0.weight"] == (64, 3, 3, 3)
    assert shapes["backbone.network.bn1.weight"] == (128,)
    with torch.inference_mode():
        features = model.neck(model.backbone(torch.randn(1, 3, 64, 96)))
    assert features.stage3.shape == (1, 1024, 4, 6)  # input of the auxiliary head, at stride 16
    assert features.stage4.shape == (1, 2048, 8, 12)


def test_later_form_strides_and_dilates() -> None:
    options = {"backbone": "resnet50c", "backbone_dilations": (2, 4), "conv_in_kernel": 3, "align_corners": False}
    model = create_model("encnet_jpu_resnet50", 4, **options).eval()
    assert strides_and_dilations(model, "layer2") == [(2, 1)] + [(1, 1)] * 3
    assert strides_and_dilations(model, "layer3") == [(2, 1)] + [(1, 2)] * 5
    assert strides_and_dilations(model, "layer4") == [(2, 2)] + [(1, 4)] * 2
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert shapes["head.conv_in.0.weight"] == (512, 2048, 3, 3)
    assert shapes["backbone.network.bn1.weight"] == (64,)
    assert model.info.options["backbone_dilations"] == [2, 4]
    assert model(torch.randn(1, 3, 50, 67)).logits.shape == (1, 4, 50, 67)
