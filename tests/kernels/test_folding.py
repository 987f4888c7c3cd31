"""Networks with folded batch norms against the same networks without, in float64."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.kernels.folding import fold_batch_norm
from encnet.model.heads.fullres import FullResolutionHead
from encnet.model.variants import list_models


def varied(network: nn.Module) -> nn.Module:
    """Returns the network in eval mode and float64, with batch norms that differ in each channel."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            for tensor, low, high in (
                (module.weight, 0.5, 1.5),
                (module.bias, -0.5, 0.5),
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.5, 2.0),
            ):
                assert tensor is not None
                tensor.data.uniform_(low, high, generator=generator)
    return network.double().eval()


def images(network: EncNet, height: int = 33, width: int = 25) -> Tensor:
    shape = (1, len(network.info.mean), height, width)
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def remaining(network: EncNet) -> list[str]:
    """Returns the names of the 2D batch norms in the network."""
    return [name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.mark.parametrize("variant", list_models())
def test_folded_variant_computes_the_same(variant: str) -> None:
    # Fewer blocks than in the ResNet, because all blocks are alike.
    blocks: dict[str, Any] = {"backbone_options": {"layers": [1, 2, 1, 2]}} if "resnet" in variant else {}
    network = cast(EncNet, varied(create_model(variant, 3, head_channels=64, **blocks)))
    network.aux_head = network.stage3_head = None
    assert len(remaining(network)) > 10
    with torch.no_grad():
        expected = network(images(network))
        output = fold_batch_norm(network, network.example())(images(network))
    # The batch norm of the full-resolution head is part of its tiles, and costs nothing.
    assert remaining(network) == (["head.norm"] if isinstance(network.head, FullResolutionHead) else [])
    torch.testing.assert_close(output.logits, expected.logits, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(output.presence, expected.presence, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {"backbone": "regnety_002", "output_stride": 16},
        {"lateral": True, "detail_channels": [8, 8], "stage3_se": True},
        {"in_channels": 4, "mean": (0.5,) * 4, "std": (1.0,) * 4},
    ],
    ids=["regnet", "lateral", "four channels"],
)
def test_folded_network_with_other_options_computes_the_same(options: dict[str, Any]) -> None:
    if "backbone" in options:
        options = {**options, "backbone_options": None}
    network = cast(EncNet, varied(create_model("encnet_tiny", 3, **options)))
    with torch.no_grad():
        expected = network(images(network), auxiliary=True)
        output = fold_batch_norm(network, network.example())(images(network), auxiliary=True)
    for name in ("logits", "presence", "aux_logits", "stage3_presence"):
        torch.testing.assert_close(getattr(output, name), getattr(expected, name), rtol=1e-9, atol=1e-9)
    assert all("aux_head" in name or "stage3" in name for name in remaining(network))


def test_folded_network_stays_close_in_float32() -> None:
    network = cast(EncNet, varied(create_model("encnet_resnet18", 5))).float()
    pixels = images(network).float()
    with torch.no_grad():
        expected = network(pixels).logits
        logits = fold_batch_norm(network, network.example())(pixels).logits
    assert float((logits - expected).abs().max()) < 1e-5 * float(expected.abs().max())


class Small(nn.Module):
    """A convolution and a batch norm, which ``use`` connects."""

    info = SimpleNamespace(mean=[0.0] * 3)

    def __init__(self, use: Any) -> None:
        super().__init__()
        self.conv, self.norm, self.use = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), use

    def forward(self, pixels: Tensor) -> Tensor:
        return self.use(self, pixels)

    def example(self) -> Tensor:
        return torch.zeros(1, 3, 32, 32, dtype=torch.float64)


@pytest.mark.parametrize(
    ("use", "folded"),
    [
        (lambda m, x: m.norm(m.conv(x)), True),
        (lambda m, x: m.norm(m.conv(x)).relu_() + 1, True),
        (lambda m, x: (lambda y: m.norm(y) + y)(m.conv(x)), False),  # another operation reads the output
        (lambda m, x: (lambda y: m.norm(y) + y.mean(dim=1, keepdim=True))(m.conv(x)), False),
        (lambda m, x: m.norm(m.conv(x).relu()), False),  # an operation between the two
        (lambda m, x: m.norm(m.conv(x).relu_()), False),
        (lambda m, x: m.norm(m.conv(x)) + m.norm(m.conv(x + 1)), False),  # both run twice
        (lambda m, x: m.norm(m.conv(x)) + m.conv(x + 1), False),  # the convolution runs twice
        (lambda m, x: m.conv(x), False),
    ],
)
def test_only_a_convolution_that_nothing_else_reads_is_folded(use: Any, folded: bool) -> None:
    network = cast(EncNet, varied(Small(use)))
    plain = copy.deepcopy(network)
    fold_batch_norm(network, network.example())
    assert (remaining(network) == []) == folded
    with torch.no_grad():
        torch.testing.assert_close(network(images(network)), plain(images(network)))


def test_batch_norm_with_a_hook_stays() -> None:
    network = cast(EncNet, varied(Small(lambda m, x: m.norm(m.conv(x)))))
    seen: list[Tensor] = []
    cast(Any, network).norm.register_forward_hook(lambda module, inputs, output: seen.append(output))
    fold_batch_norm(network, network.example())
    seen.clear()
    network(images(network))
    assert len(seen) == 1
