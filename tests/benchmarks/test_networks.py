"""Networks, their arithmetic, and the programs to compare with."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from benchmarks.measure import gigaflop
from benchmarks.networks import backbone_of, forward_gigaflop, normalised, untrained
from benchmarks.rivals import ARCHITECTURES, LibraryPrediction, PlainPrediction, chosen_rivals
from encnet.benchmark.drawn import drawn_images
from encnet.system.errors import InputError


def test_untrained_features_are_as_large_as_trained_ones() -> None:
    network = untrained("encnet_tiny", 5)
    assert not network.training
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) > 10
    assert all(bool(norm.weight.any()) for norm in norms)
    spreads: list[float] = []
    norm_of_head = next(module for module in network.head.modules() if isinstance(module, nn.BatchNorm2d))
    norm_of_head.register_forward_hook(lambda module, inputs, output: spreads.append(output.std().item()))
    with torch.inference_mode():
        network(normalised(drawn_images((2, 128, 160)), torch.channels_last))
    assert 0.3 < spreads[0] < 3
    again = untrained("encnet_tiny", 5)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))


def test_images_are_normalised_as_for_prediction() -> None:
    images = drawn_images((2, 48, 64))
    expected = untrained("encnet_tiny", 2).normalised(torch.from_numpy(images).permute(0, 3, 1, 2))
    torch.testing.assert_close(normalised(images, torch.contiguous_format), expected)


@pytest.mark.parametrize("variant", ["encnet_tiny", "encnet_lite0", "encnet_jpu_resnet50"])
def test_arithmetic_is_the_same_without_computing(variant: str) -> None:
    network = untrained(variant, 7)
    with torch.inference_mode():
        computed = gigaflop(lambda: network(torch.randn(1, 3, 64, 96)))
    assert forward_gigaflop(variant, 7, (1, 64, 96)) == pytest.approx(computed, rel=0.01)


def test_arithmetic_of_the_network_of_the_benchmark() -> None:
    assert forward_gigaflop("encnet_resnet50", 150, (1, 512, 512)) == pytest.approx(282, rel=0.02)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_networks_of_the_library_predict_images_of_any_size(architecture: str) -> None:
    form = LibraryPrediction(architecture, "fp32", architecture, "resnet18", 4)
    labels = form.prepare((2, 40, 72))()
    assert isinstance(labels, torch.Tensor)
    assert labels.shape == (2, 40, 72)
    assert labels.max() < 4
    # The images are padded to 64 x 96; a ResNet-18 alone has 1.8 GFLOP for 224 x 224 multiplications and as many sums.
    assert form.gigaflop((2, 40, 72)) > 0.5 * 2 * 2 * 1.8 * (64 * 96) / 224**2 / 4
    assert form.gigaflop((1, 40, 72)) == pytest.approx(form.gigaflop((2, 40, 72)) / 2)


def test_the_plain_form_takes_the_most_probable_class() -> None:
    form = PlainPrediction("plain form", "fp32", "encnet_tiny", 4)
    labels, presence = form.prepare((1, 64, 64))()  # pyright: ignore[reportGeneralTypeIssues]
    network = untrained("encnet_tiny", 4)
    with torch.inference_mode():
        output = network(normalised(drawn_images((1, 64, 64)), torch.contiguous_format))
    assert torch.equal(labels, output.logits.argmax(dim=1))
    torch.testing.assert_close(presence, network.presence_probabilities(output.presence))


def test_networks_of_the_library_have_the_backbone_of_the_variant() -> None:
    assert backbone_of("encnet_resnet50") == "resnet50c"
    forms = chosen_rivals(["smp"], "encnet_resnet50", 150)
    assert [form.name for form in forms] == [f"smp {name}" for name in ARCHITECTURES]
    tiny = chosen_rivals(["smp"], "encnet_tiny", 3)[0]
    assert isinstance(tiny, LibraryPrediction)
    tiny.prepare((1, 64, 64))()


def test_unknown_and_missing_rivals_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no rival 'unet'"):
        chosen_rivals(["unet"], "encnet_tiny", 3)
    monkeypatch.setitem(sys.modules, "segmentation_models_pytorch", None)
    with pytest.raises(InputError, match=r"pip install 'encnet\[rivals\]'"):
        chosen_rivals(["plain", "smp"], "encnet_tiny", 3)
    assert len(chosen_rivals(["plain"], "encnet_tiny", 3)) == 1
