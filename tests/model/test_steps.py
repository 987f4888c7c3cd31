"""EncNet in steps, with the context of another image or none, and the prior of presence on logits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import encnet
from encnet.model.encnet import EncNet
from encnet.model.heads import HeadFeatures

OPTIONS = {
    "plain": {},
    "detail": {"detail_channels": (16, 8)},
    "lateral": {"lateral": True},
    "jpu": {"jpu": True, "conv_in_kernel": 1},
    "full resolution": {"full_resolution": True},
    "without context": {"context": False},
    "without presence": {"se": False},
}


def build(**options: object) -> EncNet:
    torch.manual_seed(0)
    settings = {"backbone": "resnet18", "head_channels": 16, "num_codes": 4, "aux": False, **options}
    return encnet.build_encnet(5, **settings).eval()  # pyright: ignore[reportArgumentType]


@pytest.fixture
def images() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 64, 96)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@torch.no_grad()
def test_the_steps_are_the_network(options: dict[str, object], images: Tensor) -> None:
    model = build(**options)
    model.info.presence_prior, model.info.context_pixels = 0.7, 40
    whole = model(images, full_size=False)
    features = model.prepare(images)
    assert model.context_pixels(64, 96) == features.features.shape[2] * features.features.shape[3]
    scene = model.scene(model.sums(features.features))
    torch.testing.assert_close(model.classify(features, scene), whole.logits)
    presence = None if scene is None else scene.presence
    assert (presence is None) == (whole.presence is None)
    if presence is not None:
        torch.testing.assert_close(presence, whole.presence)


@torch.no_grad()
def test_a_scene_of_another_image_is_what_its_factors_do(images: Tensor) -> None:
    model = build()
    model.head.classifier.weight.normal_()
    (features, _), (other, _) = model.prepare(images[:1]), model.prepare(3 * images[1:])
    scene = model.scene(model.sums(other))
    assert scene is not None
    exchanged = model.classify(HeadFeatures(features), scene)
    scaled = torch.relu(features + features * scene.gamma[:, :, None, None])
    torch.testing.assert_close(exchanged, model.head.classifier(scaled))
    without = model.classify(HeadFeatures(features), scene._replace(gamma=torch.zeros_like(scene.gamma)))
    torch.testing.assert_close(without, model.head.classifier(features))


@torch.no_grad()
def test_reference_pixels_scale_the_sums_in_prediction_only(images: Tensor) -> None:
    model = build()
    plain = model(images)
    model.info.context_pixels = 8 * 12  # of the feature map of these images
    torch.testing.assert_close(model(images).presence, plain.presence)
    model.info.context_pixels = 50
    assert not torch.allclose(model(images).presence, plain.presence)
    model.train()
    torch.manual_seed(2)
    trained = model(images, auxiliary=False).presence
    model.info.context_pixels = None
    torch.manual_seed(2)
    torch.testing.assert_close(model(images, auxiliary=False).presence, trained)


@pytest.mark.parametrize("presence_loss", ["bce", "mse"])
@torch.no_grad()
def test_the_prior_multiplies_probabilities(presence_loss: str, images: Tensor) -> None:
    model = build(presence_loss=presence_loss)
    plain = model(images)
    model.info.presence_prior = 0.5
    prior = model(images)
    presence = plain.presence
    p = presence.sigmoid() if presence_loss == "bce" else presence.clamp(0, 1)
    expected = plain.logits.softmax(dim=1) * p.clamp(min=1e-3)[:, :, None, None] ** 0.5
    torch.testing.assert_close(prior.logits.softmax(dim=1), expected / expected.sum(dim=1, keepdim=True))


def test_both_travel_in_the_checkpoint(tmp_path: Path, images: Tensor) -> None:
    model = build()
    model.info.presence_prior, model.info.context_pixels = 0.25, 77
    model.save(tmp_path / "model.safetensors")
    loaded = encnet.load(tmp_path / "model.safetensors")
    assert (loaded.info.presence_prior, loaded.info.context_pixels) == (0.25, 77)
    with torch.no_grad():
        torch.testing.assert_close(loaded(images).logits, model(images).logits)
