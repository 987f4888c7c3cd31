"""FastFCN's files: files in its layout, written here from our networks, convert back exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.system.errors import InputError
from encnet.weights.convert import convert_file
from encnet.weights.fitting import MisfitError

WIDTH = 32  # of head and JPU; published models have 512, with the same layout

# Our names -> FastFCN's: the reverse of the conversion, written independently of it.
RULES = (
    (r"^backbone\.network\.", r"pretrained."),
    (r"^neck\.convs\.(\d)\.", lambda m: f"jpu.conv{int(m[1]) + 3}."),
    (r"^neck\.dilations\.(\d)\.0\.", lambda m: f"jpu.dilation{int(m[1]) + 1}.0.conv1."),
    (r"^neck\.dilations\.(\d)\.1\.", lambda m: f"jpu.dilation{int(m[1]) + 1}.0.bn."),
    (r"^neck\.dilations\.(\d)\.2\.", lambda m: f"jpu.dilation{int(m[1]) + 1}.0.pointwise."),
    (r"^neck\.dilations\.(\d)\.3\.", lambda m: f"jpu.dilation{int(m[1]) + 1}.1."),
    (r"^head\.conv_in\.", r"head.conv5."),
    (r"^head\.context\.semantics\.projection\.", r"head.encmodule.encoding."),
    (r"^head\.context\.semantics\.encoding\.", r"head.encmodule.encoding.3."),
    (r"^head\.context\.semantics\.norm\.", r"head.encmodule.encoding.4."),
    (r"^head\.context\.gamma\.", r"head.encmodule.fc.0."),
    (r"^head\.presence\.", r"head.encmodule.selayer."),
    (r"^head\.classifier\.", r"head.conv6.1."),
    (r"^aux_head\.0\.", r"auxlayer.conv5."),
    (r"^aux_head\.2\.", r"auxlayer.conv5.4."),
)


@pytest.fixture
def fresh(randomised: Callable[..., EncNet]) -> Callable[..., EncNet]:
    return lambda variant="encnet_jpu_resnet50", **options: randomised(
        variant, 7, head_channels=WIDTH, num_codes=5, **options
    )


def theirs(model: EncNet) -> dict[str, Tensor]:
    """The state dict with FastFCN's names, joint features in the order of stages 4, 3, 2, and an unused classifier."""
    coarse_to_fine = [WIDTH * stage + channel for stage in (2, 1, 0) for channel in range(WIDTH)]
    tensors = {"pretrained.fc.weight": torch.zeros(10, 2048), "pretrained.fc.bias": torch.zeros(10)}
    for name, value in model.state_dict().items():
        tensor = value.clone()
        if re.match(r"neck\.dilations\.\d\.[01]\.(weight|bias|running)", name):
            tensor = tensor[coarse_to_fine]
        elif re.match(r"neck\.dilations\.\d\.2\.weight", name):
            tensor = tensor[:, coarse_to_fine]
        for pattern, replacement in RULES:
            name, count = re.subn(pattern, replacement, name)
            if count:
                break
        else:
            raise AssertionError(name)
        tensors[name] = tensor
    return tensors


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ("encnet_jpu_resnet50", {}),
        ("encnet_jpu_resnet101", {"aux": False, "se": False}),
    ],
)
def test_a_round_trip_is_bitwise_exact(
    tmp_path: Path,
    fresh: Callable[..., EncNet],
    assert_same: Callable[[EncNet, EncNet], None],
    variant: str,
    options: dict[str, bool],
) -> None:
    model = fresh(variant, **options)
    # As its training script saves it: the state dict beside other entries.
    torch.save({"epoch": 3, "state_dict": theirs(model), "best_pred": 0.4}, tmp_path / "model_best.pth.tar")
    converted = convert_file(tmp_path / "model_best.pth.tar", tmp_path / "out.safetensors")
    assert {"source": "fastfcn", "variant": variant, "align_corners": "true"}.items() <= {
        name: value for name, value, _ in converted.rows
    }.items()
    loaded = encnet.load(tmp_path / "out.safetensors")
    assert_same(loaded, model)
    assert loaded.info.options == model.info.options


def test_tensors_that_do_not_fit_are_named(tmp_path: Path, fresh: Callable[..., EncNet]) -> None:
    tensors = theirs(fresh())
    tensors["jpu.dilation5.0.conv1.weight"] = torch.zeros(96, 1, 3, 3)
    del tensors["jpu.conv4.0.weight"]
    torch.save(tensors, tmp_path / "model.pth")
    with pytest.raises(MisfitError) as error:
        convert_file(tmp_path / "model.pth", tmp_path / "out.safetensors")
    lines = "\n".join(error.value.tensors)
    assert "jpu.dilation5.0.conv1.weight (96, 1, 3, 3)" in lines
    assert "neck.convs.1.0.weight (32, 1024, 3, 3): not in the file" in lines
    assert not (tmp_path / "out.safetensors").exists()


def test_jpu_x_is_refused(tmp_path: Path, fresh: Callable[..., EncNet]) -> None:
    tensors = theirs(fresh())
    tensors["jpu.jum_1.conv_l.0.weight"] = torch.zeros(1)
    torch.save(tensors, tmp_path / "model.pth")
    with pytest.raises(InputError, match="JPU_X"):
        convert_file(tmp_path / "model.pth", tmp_path / "out.safetensors")


def test_a_jpu_of_the_port_that_squares_the_factor_is_refused(tmp_path: Path, fresh: Callable[..., EncNet]) -> None:
    tensors = {name.replace(".0.conv1.", ".0.conv."): tensor for name, tensor in theirs(fresh(aux=False)).items()}
    torch.save(tensors, tmp_path / "model.pth")
    with pytest.raises(InputError, match="squares the smoothing factor"):
        convert_file(tmp_path / "model.pth", tmp_path / "out.safetensors")
