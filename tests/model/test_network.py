"""The network as a whole and in steps: contexts of other images, presence as a prior, wrong images."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from encnet.model.head import HeadFeatures
from encnet.model.network import Network
from encnet.model.options import ModelOptions
from encnet.system.errors import InputError

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "detail": {"detail_channels": (16, 8)},
    "lateral": {"lateral": True},
    "jpu": {"jpu": True, "conv_in_kernel": 1},
    "full resolution": {"head": "fullres"},
    "without context": {"context": False},
    "without presence": {"se": False},
}


SMALL: dict[str, Any] = {"backbone": "resnet18", "head_channels": 16, "num_codes": 4, "aux": False}


def build(**options: Any) -> Network:
    torch.manual_seed(0)
    return Network.from_options(ModelOptions(**{**SMALL, **options}), 5).eval()


@pytest.fixture
def images() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 64, 96)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@torch.no_grad()
def test_steps_equal_forward(options: dict[str, Any], images: Tensor) -> None:
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
def test_scene_of_another_image_scales_the_features(images: Tensor) -> None:
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
def test_context_pixels_scale_the_sums_in_prediction_only(images: Tensor) -> None:
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
def test_prior_multiplies_probabilities_by_a_power_of_presence(presence_loss: str, images: Tensor) -> None:
    model = build(presence_loss=presence_loss)
    plain = model(images)
    model.info.presence_prior = 0.5
    prior = model(images)
    p = plain.presence.sigmoid() if presence_loss == "bce" else plain.presence.clamp(0, 1)
    expected = plain.logits.softmax(dim=1) * p.clamp(min=1e-3)[:, :, None, None] ** 0.5
    torch.testing.assert_close(prior.logits.softmax(dim=1), expected / expected.sum(dim=1, keepdim=True))


@pytest.mark.parametrize("align_corners", [False, True])
@torch.no_grad()
def test_logits_are_interpolated_to_the_size_of_the_images(align_corners: bool, images: Tensor) -> None:
    model = build(align_corners=align_corners)
    logits = model(images, full_size=False).logits
    assert logits.shape == (2, 5, 8, 12)
    expected = torch.nn.functional.interpolate(logits, size=(64, 96), mode="bilinear", align_corners=align_corners)
    torch.testing.assert_close(model(images).logits, expected)


@torch.no_grad()
def test_auxiliary_outputs_follow_the_mode_unless_requested(images: Tensor) -> None:
    model = build(aux=True, stage3_se=True)
    for training in (False, True):
        for auxiliary in (None, False, True):
            output = model.train(training)(images, auxiliary=auxiliary)
            expected = training if auxiliary is None else auxiliary
            assert (output.aux_logits is not None) == (output.stage3_presence is not None) == expected


def test_presence_is_a_probability_by_the_loss_it_is_trained_with() -> None:
    presence = torch.tensor([[-1.0, 0.5, 2.0]])
    bce, mse = (build(presence_loss=loss) for loss in ("bce", "mse"))
    torch.testing.assert_close(bce.presence_probabilities(presence), 1 / (1 + torch.exp(-presence)))
    assert mse.presence_probabilities(presence).tolist() == [[0.0, 0.5, 1.0]]


def test_normalised_bytes_have_mean_and_standard_deviation_removed() -> None:
    model = build()
    photographs = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8)
    mean, std = (torch.tensor(values)[:, None, None] for values in (model.info.mean, model.info.std))
    torch.testing.assert_close(model.normalised(photographs), (photographs / 255 - mean) / std, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_images_may_have_other_channels_than_rgb() -> None:
    model = build(in_channels=4, mean=(0.5,) * 4, std=(0.2,) * 4)
    assert model(torch.randn(1, 4, 32, 32)).logits.shape == (1, 5, 32, 32)


@pytest.mark.parametrize("shape", [(1, 4, 32, 32), (3, 32, 32)])
def test_images_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"images have the shape .*; expected \(B, 3, H, W\)") as error:
        build()(torch.zeros(shape))
    assert error.value.argument == "images"
