"""PaddleSeg's files: files in its layout, written here from our networks, convert back exactly."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import encnet
from encnet.checkpoint.create import build_encnet
from encnet.checkpoint.encnet import EncNet
from encnet.system.errors import InputError
from encnet.weights.convert import convert_file
from encnet.weights.fitting import MisfitError

WIDTH = 32  # of the head; published models have 512, with the same layout

# Our modules -> PaddleSeg's: the reverse of the conversion, written independently of it.
STEM = {"0": "1_1._conv", "1": "1_1._batch_norm", "3": "1_2._conv", "4": "1_2._batch_norm", "6": "1_3._conv"}
KINDS = {"0": "_conv", "1": "_batch_norm"}
RULES: tuple[tuple[str, Any], ...] = (
    (r"^backbone\.network\.conv1\.(\d)", lambda m: f"backbone.conv{STEM[m[1]]}"),
    (r"^backbone\.network\.bn1", "backbone.conv1_3._batch_norm"),
    (r"^backbone\.network\.layer(\d)\.(\d+)\.", lambda m: f"backbone.bb_{int(m[1]) - 1}_{m[2]}."),
    (r"(backbone\.bb_\d_\d+\.)conv(\d)", lambda m: f"{m[1]}conv{int(m[2]) - 1}._conv"),
    (r"(backbone\.bb_\d_\d+\.)bn(\d)", lambda m: f"{m[1]}conv{int(m[2]) - 1}._batch_norm"),
    (r"downsample\.1", "short._conv"),
    (r"downsample\.2", "short._batch_norm"),
    (r"^head\.conv_in\.(\d)", lambda m: f"bottleneck.{KINDS[m[1]]}"),
    (r"^head\.lateral\.(\d)\.(\d)", lambda m: f"lateral_convs.{m[1]}.{KINDS[m[2]]}"),
    (r"^head\.fusion\.(\d)", lambda m: f"fusion.{KINDS[m[1]]}"),
    (r"^head\.context\.semantics\.projection\.(\d)", lambda m: f"enc_module.encoding_project.{KINDS[m[1]]}"),
    (r"^head\.context\.semantics\.encoding", "enc_module.encoding.0"),
    (r"^head\.context\.semantics\.norm", "enc_module.encoding.1"),
    (r"^head\.context\.gamma", "enc_module.fc.0"),
    (r"^head\.presence", "se_layer"),
    (r"^head\.classifier", "head"),
    (r"^aux_head\.0\.(\d)", lambda m: f"fcn_head.conv_bn_relu.{KINDS[m[1]]}"),
    (r"^aux_head\.2", "fcn_head.conv"),
)


def fresh(backbone: str = "resnet18d", **options: Any) -> EncNet:
    torch.manual_seed(0)
    model = build_encnet(
        7,
        backbone=backbone,
        whole_stage_dilation=True,
        head_channels=WIDTH,
        aux_channels=WIDTH,
        num_codes=5,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        **options,
    )
    for name, tensor in model.state_dict().items():
        if name.endswith("scale"):
            tensor.uniform_(-1, 0)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif not name.endswith("num_batches_tracked"):
            tensor.normal_(0, 0.1)
    return model


def theirs(model: EncNet) -> dict[str, np.ndarray]:
    """The state dict with PaddleSeg's names and layout, and zero biases before batch norms."""
    arrays: dict[str, np.ndarray] = {}
    for ours, tensor in model.state_dict().items():
        if ours.endswith("num_batches_tracked"):
            continue
        name = ours
        for pattern, replacement in RULES:
            name = re.sub(pattern, replacement, name)
        name = name.replace("running_mean", "_mean").replace("running_var", "_variance")
        linear = name in ("enc_module.fc.0.weight", "se_layer.weight")
        arrays[name] = (tensor.T if linear else tensor).contiguous().numpy().copy()
        if name.endswith("_conv.weight") and not name.startswith("backbone."):
            arrays[name.replace("weight", "bias")] = np.zeros(tensor.shape[0], np.float32)
    return arrays


def written(path: Path, arrays: dict[str, Any], protocol: int = 4) -> Path:
    """Writes a state dict as paddle.save does; returns the path."""
    names = {name: f"parameter_{index}" for index, name in enumerate(arrays)}
    path.write_bytes(pickle.dumps({**arrays, "StructuredToParameterName@@": names}, protocol))
    return path


@pytest.mark.parametrize(
    ("backbone", "options"),
    [
        ("resnet18d", {"lateral": True}),
        ("resnet50d", {"lateral": True}),
        pytest.param("resnet50d", {"se": False}, marks=pytest.mark.slow),
        pytest.param("resnet101d", {}, marks=pytest.mark.slow),
    ],
)
def test_a_round_trip_is_bitwise_exact(
    tmp_path: Path, assert_same: Callable[[EncNet, EncNet], None], backbone: str, options: dict[str, bool]
) -> None:
    model = fresh(backbone, **options)
    converted = convert_file(written(tmp_path / "model.pdparams", theirs(model)), tmp_path / "out.safetensors")
    assert {"source": "paddleseg", "backbone": backbone, "align_corners": "false", "mean": "0.5, 0.5, 0.5"}.items() <= {
        name: value for name, value, _ in converted.rows
    }.items()
    loaded = encnet.load(tmp_path / "out.safetensors")
    assert_same(loaded, model)
    assert (loaded.info.options, loaded.info.std) == (model.info.options, [0.5, 0.5, 0.5])


def test_biases_before_batch_norms_keep_their_effect(tmp_path: Path) -> None:
    """The converted network equals one that has the biases where PaddleSeg has them."""
    model = fresh(lateral=True).eval()
    arrays = theirs(model)
    for name in [name for name in arrays if name.endswith("_conv.bias")]:
        arrays[name] = torch.randn(arrays[name].shape).numpy()
    convert_file(written(tmp_path / "model.pdparams", arrays), tmp_path / "out.safetensors")

    biased: dict[str, Tensor] = {
        "head.conv_in.0": torch.from_numpy(arrays["bottleneck._conv.bias"]),
        "head.lateral.0.0": torch.from_numpy(arrays["lateral_convs.0._conv.bias"]),
        "head.lateral.1.0": torch.from_numpy(arrays["lateral_convs.1._conv.bias"]),
        "head.fusion.0": torch.from_numpy(arrays["fusion._conv.bias"]),
        "head.context.semantics.projection.0": torch.from_numpy(arrays["enc_module.encoding_project._conv.bias"]),
        "aux_head.0.0": torch.from_numpy(arrays["fcn_head.conv_bn_relu._conv.bias"]),
    }
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        without = model(images, auxiliary=True)
        for name, bias in biased.items():
            model.get_submodule(name).bias = nn.Parameter(bias)
        expected = model(images, auxiliary=True)
        found = encnet.load(tmp_path / "out.safetensors")(images, auxiliary=True)
    for name in ("logits", "presence", "aux_logits"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-4)
        assert not torch.allclose(getattr(without, name), getattr(expected, name), atol=1e-2)


def test_the_backbone_dilates_whole_stages_and_averages_only_in_strided_shortcuts() -> None:
    network = fresh("resnet50d").backbone.get_submodule("network")
    convs = {name: module for name, module in network.named_modules() if isinstance(module, nn.Conv2d)}
    rates = {stage: {convs[n].dilation[0] for n in convs if n.startswith(stage)} for stage in ("layer3", "layer4")}
    assert rates == {"layer3": {1, 2}, "layer4": {1, 4}}  # 1 for 1x1 convolutions
    assert {convs[f"layer{stage}.0.conv2"].dilation[0] for stage in (3, 4)} == {2, 4}
    pools = [name for name, module in network.named_modules() if isinstance(module, nn.AvgPool2d)]
    assert pools == ["layer2.0.downsample.0"]


def test_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    arrays = theirs(fresh())
    arrays["backbone.conv1_1._batch_norm._scale"] = np.zeros((2, 3), np.float32)
    arrays["seg_head.conv.weight"] = np.zeros(4, np.float32)
    del arrays["bottleneck._batch_norm._variance"]
    with pytest.raises(MisfitError) as error:
        convert_file(written(tmp_path / "model.pdparams", arrays), tmp_path / "out.safetensors")
    lines = "\n".join(error.value.tensors)
    assert "backbone.conv1_1._batch_norm._scale (2, 3): the network has no place for it" in lines
    assert "seg_head.conv.weight (4,)" in lines
    assert f"head.conv_in.1.running_var ({WIDTH},): not in the file" in lines
    assert not (tmp_path / "out.safetensors").exists()


def test_another_backbone_is_refused(tmp_path: Path) -> None:
    arrays = {name: array for name, array in theirs(fresh()).items() if not name.startswith("backbone.bb_3_1")}
    with pytest.raises(InputError, match="backbone that is not supported"):
        convert_file(written(tmp_path / "model.pdparams", arrays), tmp_path / "out.safetensors")
