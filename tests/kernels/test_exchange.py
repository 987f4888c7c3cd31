"""Exchanged layers share parameters and state with the layers that they replace."""

from __future__ import annotations

import torch
from torch import nn

from encnet.kernels.exchange import exchange, is_watched, with_parameters_of


class OtherConv(nn.Conv2d):
    """A stand-in for a fast form."""


def to_other_conv(layer: nn.Module) -> nn.Module | None:
    return with_parameters_of(layer, OtherConv) if type(layer) is nn.Conv2d else None


def nested_network() -> nn.Sequential:
    inner = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False), nn.ReLU())
    return nn.Sequential(nn.Conv2d(3, 4, 3, dilation=2, padding=2), nn.ModuleDict({"inner": inner})["inner"])


def test_layers_at_every_depth_are_exchanged_and_the_rest_stays() -> None:
    network = nested_network()
    relu = network.get_submodule("1.1")
    assert exchange(network, to_other_conv) is network
    assert {path for path, layer in network.named_modules() if type(layer) is OtherConv} == {"0", "1.0"}
    assert network.get_submodule("1.1") is relu


def test_parameters_and_names_are_shared_and_the_output_stays() -> None:
    network, images = nested_network(), torch.randn(2, 3, 9, 11)
    parameters, expected = dict(network.named_parameters()), network(images)
    exchange(network, to_other_conv)
    exchanged = dict(network.named_parameters())
    assert exchanged.keys() == parameters.keys()
    assert all(exchanged[name] is parameter for name, parameter in parameters.items())
    torch.testing.assert_close(network(images), expected)


def test_training_flag_of_each_layer_is_kept() -> None:
    network = nested_network()
    network.get_submodule("1").eval()
    exchange(network, to_other_conv)
    assert network.get_submodule("0").training
    assert not network.get_submodule("1.0").training


def test_layers_with_a_forward_hook_stay() -> None:
    network = nested_network()
    calls: list[str] = []
    network.get_submodule("0").register_forward_hook(lambda layer, inputs, output: calls.append("after"))
    network.get_submodule("1.0").register_forward_pre_hook(lambda layer, inputs: calls.append("before"))
    assert is_watched(network.get_submodule("0")) and not is_watched(network.get_submodule("1.1"))
    exchange(network, to_other_conv)
    network(torch.randn(1, 3, 9, 11))
    assert calls == ["after", "before"]
    assert not any(isinstance(layer, OtherConv) for layer in network.modules())


def test_network_itself_is_not_exchanged() -> None:
    conv = nn.Conv2d(3, 4, 1)
    assert exchange(conv, to_other_conv) is conv
