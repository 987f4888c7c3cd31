"""Networks with layers in fast forms against the same networks with plain layers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from encnet.checkpoint.create import create_model
from encnet.kernels.acceleration import SWITCH, accelerate, accelerate_inference, plain, use_winograd
from encnet.kernels.depthwise import DilatedDepthwise, SubGridConv
from encnet.kernels.wide_conv import WideConv
from encnet.kernels.winograd_conv import WinogradConv


def random_images(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def layer_types(network: nn.Module) -> dict[str, type]:
    return {path: type(layer) for path, layer in network.named_modules()}


@pytest.mark.parametrize(("variant", "wide"), [("encnet_resnet18", 9), ("encnet_jpu_resnet50", 10)])
def test_accelerated_inference_equals_the_plain_network(variant: str, wide: int) -> None:
    torch.manual_seed(0)
    network = create_model(variant, 3).eval().requires_grad_(False)
    network.aux_head = network.stage3_head = None
    fast = accelerate_inference(copy.deepcopy(network))
    assert sum(isinstance(module, WinogradConv) for module in fast.modules()) == wide
    assert sum(isinstance(module, SubGridConv) for module in fast.modules()) == ("jpu" in variant)
    images = random_images(2, 3, 75, 61)
    expected, output = network(images), fast(images)
    assert float((output.logits - expected.logits).abs().max()) < 1e-4 * float(expected.logits.std())
    torch.testing.assert_close(output.presence, expected.presence, rtol=0, atol=1e-5)


def test_use_winograd_exchanges_only_suitable_layers_without_hooks() -> None:
    class OtherConv(nn.Conv2d):
        pass

    watched = nn.Conv2d(256, 256, 3, padding=1)
    watched.register_forward_hook(lambda module, inputs, output: None)
    strided, small = nn.Conv2d(256, 256, 3, padding=1, stride=2), nn.Conv2d(64, 64, 3, padding=1)
    network = nn.Sequential(
        watched, OtherConv(256, 256, 3, padding=1), strided, small, WideConv(256, 256, 3, padding=1)
    )
    use_winograd(network)
    assert [isinstance(module, WinogradConv) for module in network] == [False] * 4 + [True]


def test_plain_undoes_both_accelerations() -> None:
    torch.manual_seed(0)
    network = create_model("encnet_jpu_resnet50", 3).eval()
    tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    accelerated = layer_types(network)
    plain(network)
    assert not {WideConv, DilatedDepthwise} & set(layer_types(network).values())
    assert [*network.state_dict()] == [*tensors]
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in network.state_dict().items())
    assert layer_types(accelerate(network)) == accelerated
    plain(accelerate_inference(network.requires_grad_(False)))
    assert not {WideConv, DilatedDepthwise, WinogradConv, SubGridConv} & set(layer_types(network).values())
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, tensors[name], rtol=0, atol=1e-6)


def test_networks_stay_plain_if_acceleration_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "0")
    network = create_model("encnet_resnet18", 3)
    assert not {WideConv, DilatedDepthwise, WinogradConv} & set(layer_types(accelerate_inference(network)).values())
