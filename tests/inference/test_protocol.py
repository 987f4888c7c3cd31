import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from encnet.errors import InputError
from encnet.inference.protocol import Protocol
from encnet.inference.tiling import segment
from encnet.model.encnet import EncNet
from encnet.model.output import EncNetOutput
from encnet.model.variants import create_model

CLASSES = 3


class Toy(nn.Module):
    """Logits are a function of the pixel and, as far as ``context`` goes, of the tile and the position in it."""

    num_classes = CLASSES
    align_corners = False
    info = SimpleNamespace(mean=[0.4, 0.5, 0.25], std=[0.2, 0.25, 0.5])

    def __init__(self, context: float = 1.0, presence: bool = True) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.randn(CLASSES, 3, generator=generator)
        self.context = context
        self.has_presence = presence
        self.calls = 0

    def forward(self, images: Tensor) -> EncNetOutput:
        self.calls += 1
        logits = torch.einsum("kc,bchw->bkhw", self.weight, images)
        ramp = torch.linspace(0, 1, images.shape[-1]) * torch.arange(1.0, CLASSES + 1)[:, None, None]
        logits = logits + self.context * (ramp + logits.mean(dim=(2, 3), keepdim=True))
        return EncNetOutput(logits, logits[..., 0, 0] if self.has_presence else None)

    def presence_probabilities(self, presence: Tensor) -> Tensor:
        return presence.sigmoid()


def toy(context: float = 1.0, presence: bool = True) -> EncNet:
    return cast(EncNet, Toy(context, presence))


def pictures(height: int, width: int, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


BLACK = torch.tensor([[[-2.0]], [[-2.0]], [[-0.5]]])  # (0 - mean) / std


def starts(side: int, crop: int, step: int) -> list[int]:
    found = [0]
    while found[-1] + crop < side:
        found.append(found[-1] + step)
    return found


def tiles(image: Tensor, protocol: Protocol) -> Iterator[tuple[int, int, Tensor]]:
    """Top, left and pixels of each tile; one that is filled up reaches beyond the image."""
    height, width = image.shape[-2:]
    crop = protocol.crop if protocol.mode == "sliding" and protocol.crop else (height, width)
    if protocol.edge == "shift":
        crop = (min(crop[0], height), min(crop[1], width))
    canvas = BLACK.repeat(1, height + crop[0], width + crop[1])[None]
    canvas[..., :height, :width] = image
    for top in starts(height, crop[0], max(1, int(crop[0] * protocol.stride + 1e-9))):
        for left in starts(width, crop[1], max(1, int(crop[1] * protocol.stride + 1e-9))):
            if protocol.edge == "shift":
                top, left = min(top, height - crop[0]), min(left, width - crop[1])
            yield top, left, canvas[..., top : top + crop[0], left : left + crop[1]]


def tile_mean(function: Any, image: Tensor, protocol: Protocol) -> np.ndarray:
    """Pixel by pixel, the mean of what ``function`` says of the tiles that cover it."""
    height, width = image.shape[-2:]
    total = np.zeros((CLASSES, height, width))
    count = np.zeros((height, width))
    for top, left, tile in tiles(image, protocol):
        scores = function(tile)
        for y in range(top, min(height, top + scores.shape[1])):
            for x in range(left, min(width, left + scores.shape[2])):
                total[:, y, x] += scores[:, y - top, x - left]
                count[y, x] += 1
    return total / count


def scaled_size(height: int, width: int, scale: float) -> list[int]:
    """As large as fits the sides at this scale."""
    long, short = max(height, width), min(height, width)
    factor = min(int(long * scale + 0.5) / long, int(short * scale + 0.5) / short)
    return [max(1, int(side * factor + 0.5)) for side in (height, width)]


def oracle(model: EncNet, image: Tensor, protocol: Protocol) -> np.ndarray:
    """Class probabilities of one image by the definition, in float64."""

    def logits(tile: Tensor, mirrored: bool) -> np.ndarray:
        found = model(tile.flip(-1)).logits.flip(-1) if mirrored else model(tile).logits
        return found[0].double().numpy()

    orientations = [False, True] if protocol.flip else [False]
    size = height, width = image.shape[-2], image.shape[-1]
    total = np.zeros((CLASSES, *size))
    for scale in protocol.scales:
        scaled = F.interpolate(
            image, scaled_size(height, width, scale), mode="bilinear", antialias=protocol.resize[0] == "a"
        )
        if protocol.average == "exp":
            parts = [tile_mean(lambda t: np.exp(sum(logits(t, m) for m in orientations)), scaled, protocol)]
        else:
            views = [scaled.flip(-1) if mirrored else scaled for mirrored in orientations]
            parts = [tile_mean(lambda t: logits(t, False), view, protocol) for view in views]
            parts[1:] = [part[..., ::-1].copy() for part in parts[1:]]
        for part in parts:
            part = F.interpolate(torch.tensor(part)[None], size, mode="bilinear")[0].numpy()
            if protocol.average == "softmax":
                part = np.exp(part) / np.exp(part).sum(axis=0)
            total += part
    return total / total.sum(axis=0)


protocols = st.builds(
    Protocol,
    mode=st.sampled_from(["whole", "sliding"]),
    crop=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    stride=st.sampled_from([0.3, 2 / 3, 1.0]),
    edge=st.sampled_from(["shift", "pad"]),
    scales=st.lists(st.sampled_from([0.5, 1.0, 1.5]), min_size=1, max_size=2).map(tuple),
    flip=st.booleans(),
    average=st.sampled_from(["softmax", "exp"]),
    resize=st.sampled_from(["antialias", "bilinear", "model"]),
)


@settings(deadline=None, max_examples=60)
@given(protocols, st.integers(1, 11), st.integers(1, 11))
def test_probabilities_are_those_of_the_definition(protocol: Protocol, height: int, width: int) -> None:
    image = pictures(height, width)
    probabilities, _ = segment(toy(), image, protocol)
    np.testing.assert_allclose(probabilities[0].numpy(), oracle(toy(), image, protocol), atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(protocols, st.integers(2, 9), st.integers(2, 9))
def test_tiling_changes_nothing_where_context_is_nothing(protocol: Protocol, height: int, width: int) -> None:
    image = pictures(height, width, batch=2)
    sliding = replace(protocol, mode="sliding", scales=(1.0,))
    expected, _ = segment(toy(context=0), image, Protocol(flip=protocol.flip, average=protocol.average))
    probabilities, _ = segment(toy(context=0), image, sliding)
    torch.testing.assert_close(probabilities, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("crop", [(8, 9), (20, 9), (30, 30)])
def test_one_tile_is_the_whole_image(crop: tuple[int, int]) -> None:
    model = create_model("encnet_tiny", num_classes=CLASSES).eval()
    image = pictures(8, 9) if crop == (8, 9) else pictures(20, 9)
    for tiled, whole in zip(
        segment(model, image, Protocol("sliding", crop)), segment(model, image, Protocol()), strict=True
    ):
        assert tiled is not None
        assert whole is not None
        torch.testing.assert_close(tiled, whole, atol=1e-6, rtol=0)


@given(st.floats(0.01, 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 4))
@settings(deadline=None, max_examples=50)
def test_every_tile_has_the_size_of_the_crop(stride: float, side: int, crop: int, height: int) -> None:
    sizes = []

    class Recording(Toy):
        def forward(self, images: Tensor) -> EncNetOutput:
            sizes.append(tuple(images.shape[-2:]))
            return super().forward(images)

    segment(cast(EncNet, Recording()), pictures(height, side), Protocol("sliding", (height, crop), stride))
    assert set(sizes) == {(height, min(side, crop))}


def test_presence_is_the_maximum_over_tiles_then_the_mean() -> None:
    image = pictures(4, 8)
    protocol = Protocol("sliding", (4, 4), stride=1, scales=(1, 2), flip=True)
    views = []
    for scaled in (image, F.interpolate(image, (8, 16), mode="bilinear", antialias=True)):
        for mirrored in (False, True):
            tiles = [
                scaled[..., y : y + 4, x : x + 4]
                for y in range(0, scaled.shape[2], 4)
                for x in range(0, scaled.shape[3], 4)
            ]
            outputs = [toy()(tile.flip(-1) if mirrored else tile).presence for tile in tiles]
            views.append(torch.stack([output.sigmoid() for output in outputs if output is not None]).amax(0))
    for average in ("softmax", "exp"):
        _, presence = segment(toy(), image, replace(protocol, average=average))
        assert presence is not None
        torch.testing.assert_close(presence, torch.stack(views).mean(0))


@settings(deadline=None, max_examples=30)
@given(protocols)
def test_a_mirrored_image_gives_the_mirrored_result(protocol: Protocol) -> None:
    whole = Protocol(scales=protocol.scales, flip=True, average=protocol.average)
    image = pictures(7, 6)
    straight, presence = segment(toy(), image, whole)
    mirrored, presence_of_mirrored = segment(toy(), image.flip(-1), whole)
    torch.testing.assert_close(mirrored.flip(-1), straight, atol=1e-5, rtol=1e-4)
    assert presence is not None
    torch.testing.assert_close(presence_of_mirrored, presence)


@settings(deadline=None, max_examples=30)
@given(protocols)
def test_images_of_a_batch_do_not_meet(protocol: Protocol) -> None:
    images = pictures(6, 7, batch=3)
    together, presence = segment(toy(), images, protocol)
    assert presence is not None
    for index in range(3):
        alone, presence_alone = segment(toy(), images[index : index + 1], protocol)
        assert presence_alone is not None
        torch.testing.assert_close(together[index], alone[0])
        torch.testing.assert_close(presence[index], presence_alone[0])


@settings(deadline=None, max_examples=30)
@given(protocols, st.integers(1, 12), st.integers(1, 12))
def test_the_result_has_the_size_asked_for(protocol: Protocol, height: int, width: int) -> None:
    probabilities, _ = segment(toy(), pictures(5, 6), protocol, (height, width))
    assert probabilities.shape == (1, CLASSES, height, width)
    assert probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities.sum(1), torch.ones(1, height, width))


def test_the_default_runs_the_network_once() -> None:
    model = Toy()
    segment(cast(EncNet, model), pictures(5, 6), Protocol(average="exp"))
    assert model.calls == 1


@pytest.mark.parametrize("protocol", [Protocol(), Protocol("sliding", (3, 3), scales=(1, 0.5), flip=True)])
def test_a_model_without_presence_gives_none(protocol: Protocol) -> None:
    assert segment(toy(presence=False), pictures(5, 6), protocol)[1] is None


def test_large_logits_do_not_overflow() -> None:
    probabilities, _ = segment(toy(), 60 * pictures(5, 6), Protocol(flip=True, average="exp"))
    assert probabilities.isfinite().all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mode": "tiles"}, "mode of the protocol is tiles"),
        ({"edge": "cut"}, "edge of the protocol is cut"),
        ({"resize": "nearest"}, "resize"),
        ({"absent_classes": "one"}, "absent_classes"),
        ({"long_side": 0}, "long_side"),
        ({"short_side": -1}, "short_side"),
        ({"name": "best"}, "name of the protocol is best; it must be one of plain, tiled, mmseg"),
        ({"crop": (0, 4)}, "crop"),
        ({"stride": 0}, "stride"),
        ({"stride": 1.5}, "stride"),
        ({"scales": ()}, "scales"),
        ({"scales": (1, -1)}, "scales"),
        ({"average": "mean"}, "average"),
    ],
)
def test_wrong_settings_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Protocol(**wrong)


@given(protocols)
def test_dict_rebuilds_the_protocol(protocol: Protocol) -> None:
    values = json.loads(json.dumps(protocol.to_dict()))
    values |= {"crop": tuple(values["crop"]), "scales": tuple(values["scales"])}
    assert tuple(values.pop("changed")) == protocol.changed
    assert Protocol(**values) == protocol


def test_description_says_what_differs() -> None:
    variants = [
        Protocol(),
        Protocol("sliding", (480, 480)),
        Protocol("sliding", (480, 480), edge="pad"),
        Protocol("sliding", (480, 480), stride=0.5),
        Protocol(scales=(0.5, 1.0)),
        Protocol(flip=True),
        Protocol(average="exp", flip=True),
        Protocol(long_side=640),
        Protocol(short_side=640),
        Protocol(resize="bilinear"),
        Protocol(absent_classes="zero"),
        Protocol(name="mmseg"),
    ]
    lines = [protocol.describe() for protocol in variants]
    assert len(set(lines)) == len(lines)
    assert all("\n" not in line for line in lines)
    assert "480 x 480" in lines[1]
