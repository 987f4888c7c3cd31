"""Shared fixtures: networks with random tensors, and the names of the other code bases, written independently."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet

State = dict[str, Tensor]


@pytest.fixture
def randomised() -> Callable[..., EncNet]:
    """(variant, number of classes, options) -> a network in eval mode with random values in every tensor."""

    def build(variant: str, num_classes: int, **options: Any) -> EncNet:
        torch.manual_seed(7)
        model = create_model(variant, num_classes, **options)
        for name, tensor in model.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.fill_(1234)
            elif name.endswith("scale"):
                tensor.uniform_(-1, 0)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            else:
                tensor.normal_(0, 0.1)
        return model.eval()

    return build


@pytest.fixture
def small(randomised: Callable[..., EncNet]) -> Callable[..., EncNet]:
    """Like ``randomised``, for a ResNet-18 with narrow heads: the same names in a tenth of the time."""

    def build(num_classes: int = 4, **options: Any) -> EncNet:
        return randomised("encnet_resnet18", num_classes, **{"head_channels": 16, "aux_channels": 8, **options})

    return build


def renamed(state: State, names: Callable[[str], str]) -> State:
    """The state with each name replaced; no two names may become the same."""
    result = {names(name): tensor for name, tensor in state.items()}
    assert len(result) == len(state)
    return result


@pytest.fixture
def as_mmseg() -> Callable[[EncNet], State]:
    """(model) -> its state dict under MMSegmentation's names."""
    conv_norms = {
        "head.conv_in": "decode_head.bottleneck",
        "head.lateral.0": "decode_head.lateral_convs.0",
        "head.lateral.1": "decode_head.lateral_convs.1",
        "head.fusion": "decode_head.fusion",
        "head.context.semantics.projection": "decode_head.enc_module.encoding_project",
        "aux_head.0": "auxiliary_head.convs.0",
        **{f"neck.convs.{i}": f"neck.conv_layers.{i}.0" for i in range(3)},
    }
    modules = {
        "head.context.semantics.encoding": "decode_head.enc_module.encoding.0",
        "head.context.semantics.norm": "decode_head.enc_module.encoding.1",
        "head.context.gamma": "decode_head.enc_module.fc.0",
        "head.presence": "decode_head.se_layer",
        "head.classifier": "decode_head.conv_seg",
        "aux_head.2": "auxiliary_head.conv_seg",
    }

    def theirs(name: str) -> str:
        module, parameter = name.rsplit(".", 1)
        if module.startswith("backbone.network."):
            inner = module.removeprefix("backbone.network.")
            if inner.startswith("conv1."):
                return f"backbone.stem.{inner.removeprefix('conv1.')}.{parameter}"
            return f"backbone.{inner}.{parameter}"
        if module in modules:
            return f"{modules[module]}.{parameter}"
        if module.startswith("neck.dilations."):
            _, _, branch, layer = module.split(".")
            depthwise, norm = int(layer) < 2, int(layer) % 2 == 1
            return ".".join(
                (
                    f"neck.dilation_layers.{branch}.0",
                    "depthwise_conv" if depthwise else "pointwise_conv",
                    "bn" if norm else "conv",
                    parameter,
                )
            )
        sequence, index = module.rsplit(".", 1)
        return f"{conv_norms[sequence]}.{('conv', 'bn')[int(index)]}.{parameter}"

    def convert(model: EncNet) -> State:
        state = renamed(model.state_dict(), theirs)
        if "backbone.stem.0.weight" in state:  # the last norm of the stem is in the same sequence
            for parameter in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                state[f"backbone.stem.7.{parameter}"] = state.pop(f"backbone.bn1.{parameter}")
        return state

    return convert


@pytest.fixture
def as_pytorch_encoding() -> Callable[[EncNet], State]:
    """(model) -> its state dict under PyTorch-Encoding's names."""
    modules = {
        "head.conv_in": "head.conv5",
        "head.lateral": "head.connect",
        "head.fusion": "head.fusion",
        "head.context.semantics.projection": "head.encmodule.encoding",
        "head.context.semantics.encoding": "head.encmodule.encoding.3",
        "head.context.semantics.norm": "head.encmodule.encoding.4",
        "head.context.gamma": "head.encmodule.fc.0",
        "head.presence": "head.encmodule.selayer",
        "head.classifier": "head.conv6.1",
        "aux_head.0": "auxlayer.conv5",
        "aux_head.2": "auxlayer.conv5.4",
        "backbone.network": "pretrained",
    }

    def theirs(name: str) -> str:
        ours = max((module for module in modules if name.startswith(f"{module}.")), key=len)
        return modules[ours] + name.removeprefix(ours)

    return lambda model: renamed(model.state_dict(), theirs)


@pytest.fixture
def assert_same() -> Callable[[EncNet, EncNet], None]:
    """(model, model) -> None; asserts that the two have bitwise equal tensors."""

    def check(first: EncNet, second: EncNet) -> None:
        left, right = first.state_dict(), second.state_dict()
        assert left.keys() == right.keys()
        assert len(left) > 50
        assert [name for name in left if not torch.equal(left[name], right[name])] == []

    return check
