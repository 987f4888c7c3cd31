"""Protocols by name, against what the older code bases do written out in float64, pixel by pixel."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from encnet.cli import main
from encnet.errors import InputError
from encnet.inference.predictor import Predictor
from encnet.inference.protocol import NAMED, Protocol, named_protocol
from encnet.inference.tiling import segment
from encnet.model.encnet import EncNet
from encnet.model.output import EncNetOutput
from encnet.model.variants import create_model

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SIX = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
Logits = Callable[[np.ndarray], np.ndarray]  # (3, h, w) -> (classes, h, w), float64


class Toy(nn.Module):
    """Logits of a pixel depend on its colour, its place in the tile and the mean colour of the tile."""

    num_classes = 3
    info = SimpleNamespace(mean=MEAN, std=STD)

    def __init__(self, align_corners: bool, context: float = 1.0) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.context = context
        self.weight = torch.randn(3, 3, generator=torch.Generator().manual_seed(1))
        self.tiles: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> EncNetOutput:
        self.tiles.append((*images.shape[-2:], *images[0, :2, 0, 0].round().int().tolist()))
        logits = torch.einsum("kc,bchw->bkhw", self.weight, images)
        ramp = torch.linspace(0, 1, images.shape[-1]) * torch.arange(1.0, 4.0)[:, None, None]
        return EncNetOutput(logits + self.context * (ramp + logits.mean(dim=(2, 3), keepdim=True)))


def toy(align_corners: bool, context: float = 1.0) -> EncNet:
    return cast(EncNet, Toy(align_corners, context))


def of(model: EncNet) -> Logits:
    return lambda tile: model(torch.tensor(tile, dtype=torch.float32)[None]).logits[0].double().numpy()


def matrix(old: int, new: int, aligned: bool) -> np.ndarray:
    """(new, old): bilinear interpolation along one side; pixel centres at halves, or the outer ones aligned."""
    weights = np.zeros((new, old))
    for i in range(new):
        place = i * (old - 1) / (new - 1) if aligned and new > 1 else 0.0 if aligned else (i + 0.5) * old / new - 0.5
        place = min(max(place, 0), old - 1)
        left = min(math.floor(place), max(0, old - 2))
        weights[i, left] += 1 - (place - left)
        weights[i, min(left + 1, old - 1)] += place - left
    return weights


def resized(image: np.ndarray, height: int, width: int, aligned: bool) -> np.ndarray:
    rows, columns = (matrix(old, new, aligned) for old, new in zip(image.shape[1:], (height, width), strict=True))
    return np.einsum("yi,cij,xj->cyx", rows, image, columns)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponential = np.exp(logits - logits.max(axis=0))
    return exponential / exponential.sum(axis=0)


def by_pytorch_encoding(
    logits: Logits, image: np.ndarray, base: int, crop: int, scales: tuple[float, ...], flip: bool, aligned: bool
) -> np.ndarray:
    """Class probabilities: their scores, divided by the sum over classes."""
    _, height, width = image.shape
    scores = np.zeros((3, height, width))
    black = np.array([-mean / std for mean, std in zip(MEAN, STD, strict=True)])
    step = int(crop * 2 / 3)
    for scale in scales:
        long = math.ceil(base * scale)
        h = long if height > width else int(height * long / width + 0.5)
        w = int(width * long / height + 0.5) if height > width else long
        small = resized(image, h, w, aligned)
        exponentials, tiles = np.zeros((3, h, w)), np.zeros((h, w), int)
        for row in range(1 + max(0, math.ceil((h - crop) / step))):
            for column in range(1 + max(0, math.ceil((w - crop) / step))):
                tile = np.tile(black[:, None, None], (1, crop, crop))
                for y in range(crop):
                    for x in range(crop):
                        if row * step + y < h and column * step + x < w:
                            tile[:, y, x] = small[:, row * step + y, column * step + x]
                found = logits(tile)
                if flip:
                    found = found + logits(tile[..., ::-1].copy())[..., ::-1]
                for y in range(row * step, min(h, row * step + crop)):
                    for x in range(column * step, min(w, column * step + crop)):
                        exponentials[:, y, x] += np.exp(found[:, y - row * step, x - column * step])
                        tiles[y, x] += 1
        assert tiles.all()
        scores += resized(exponentials / tiles, height, width, aligned)
    return scores / scores.sum(axis=0)


def by_mmseg(
    logits: Logits,
    image: np.ndarray,
    scales: tuple[float, ...],
    flip: bool,
    aligned: bool,
    slide: tuple[int, int] | None,
) -> np.ndarray:
    """Softmax, averaged over scales and orientations; logits of tiles (crop, stride) averaged before."""
    _, height, width = image.shape
    total, views = np.zeros((3, height, width)), 0
    for scale in scales:
        h, w = int(height * scale + 0.5), int(width * scale + 0.5)
        fit = min(max(h, w) / max(height, width), min(h, w) / min(height, width))
        small = resized(image, int(height * fit + 0.5), int(width * fit + 0.5), aligned=False)
        for mirrored in (False, True) if flip else (False,):
            view = small[..., ::-1].copy() if mirrored else small
            if slide is None:
                found = logits(view)
            else:
                crop, stride = slide
                sums, tiles = np.zeros_like(view), np.zeros(view.shape[1:])
                bottom = right = 0
                for row in range(len(view[0])):
                    bottom = min(row * stride + crop, view.shape[1])
                    for column in range(len(view[0, 0])):
                        right = min(column * stride + crop, view.shape[2])
                        top, left = max(0, bottom - crop), max(0, right - crop)
                        sums[:, top:bottom, left:right] += logits(view[:, top:bottom, left:right])
                        tiles[top:bottom, left:right] += 1
                        if right == view.shape[2]:
                            break
                    if bottom == view.shape[1]:
                        break
                found = sums / tiles
            found = found[..., ::-1].copy() if mirrored else found
            total += softmax(resized(found, height, width, aligned))
            views += 1
    return total / views


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, height, width)).astype(np.float32).astype(np.float64)


def run(model: EncNet, image: np.ndarray, protocol: Protocol) -> np.ndarray:
    return segment(model, torch.tensor(image, dtype=torch.float32)[None], protocol)[0][0].double().numpy()


@pytest.mark.parametrize("name", ["pytorch-encoding", "pytorch-encoding-single"])
@settings(deadline=None, max_examples=15)
@given(st.integers(4, 14), st.integers(4, 14), st.integers(4, 16), st.integers(3, 11), st.booleans())
def test_pytorch_encoding(name: str, height: int, width: int, base: int, crop: int, aligned: bool) -> None:
    image, single = picture(height, width), name.endswith("single")
    protocol = replace(named_protocol(name), crop=(crop, crop), long_side=base)
    scales, flip = ((1.0,), False) if single else (SIX, True)
    expected = by_pytorch_encoding(of(toy(aligned)), image, base, crop, scales, flip, aligned)
    np.testing.assert_allclose(run(toy(aligned), image, protocol), expected, atol=1e-5)


@settings(deadline=None, max_examples=15)
@given(st.integers(2, 14), st.integers(2, 14), st.booleans())
def test_mmseg(height: int, width: int, aligned: bool) -> None:
    image = picture(height, width)
    whole = by_mmseg(of(toy(aligned)), image, (1.0,), False, aligned, None)
    np.testing.assert_allclose(run(toy(aligned), image, named_protocol("mmseg")), whole, atol=1e-5)
    averaged = by_mmseg(of(toy(aligned)), image, SIX, True, aligned, None)
    np.testing.assert_allclose(run(toy(aligned), image, named_protocol("mmseg-ms")), averaged, atol=1e-5)


@settings(deadline=None, max_examples=15)
@given(st.integers(4, 20), st.integers(4, 20), st.integers(3, 12), st.booleans(), st.booleans())
def test_mmseg_slide(height: int, width: int, crop: int, flip: bool, aligned: bool) -> None:
    image = picture(height, width)
    scales = (1.0, 1.5) if flip else (1.0,)
    protocol = replace(named_protocol("mmseg-slide"), crop=(crop, crop), scales=scales, flip=flip)
    assert protocol.steps is not None
    expected = by_mmseg(of(toy(aligned)), image, scales, flip, aligned, (crop, protocol.steps[0]))
    np.testing.assert_allclose(run(toy(aligned), image, protocol), expected, atol=1e-5)


def places(protocol: Protocol, height: int, width: int) -> list[tuple[int, ...]]:
    """Height, width, top and left of each tile that the network sees; -1 stands for what is not of the image."""
    model = Toy(align_corners=True)
    rows = torch.arange(height, dtype=torch.float32)[:, None].expand(height, width)
    columns = torch.arange(width, dtype=torch.float32).expand(height, width)
    segment(cast(EncNet, model), torch.stack([rows, columns, rows])[None], protocol)
    return model.tiles


def test_tiles_of_the_769_configurations_lie_where_mmseg_puts_them() -> None:
    protocol = replace(named_protocol("mmseg-slide"), crop=(769, 769))
    assert protocol.steps == (513, 513)
    expected = [(769, 769, top, left) for top in (0, 256) for left in (0, 513, 1026, 1280)]
    assert places(protocol, 1025, 2049) == expected
    assert replace(protocol, crop=(512, 512)).steps == (341, 341)
    assert places(protocol, 600, 800) == [(600, 769, 0, 0), (600, 769, 0, 31)]  # no fill where the image is smaller


def test_tiles_of_pytorch_encoding_go_on_at_the_stride_and_are_filled_up() -> None:
    protocol = replace(named_protocol("pytorch-encoding-single"), crop=(48, 48), long_side=100)
    assert places(protocol, 60, 100) == [(48, 48, top, left) for top in (0, 32) for left in (0, 32, 64)]
    assert places(replace(protocol, long_side=48), 30, 48) == [(48, 48, 0, 0)]
    assert len(places(replace(named_protocol("pytorch-encoding"), crop=(48, 48), long_side=52), 52, 52)) == 2 * (
        1 + 1 + 4 + 4 + 4 + 9  # long sides 26, 39, 52, 65, 78 and 91
    )


@pytest.mark.parametrize(
    ("sides", "scale", "expected"),
    [
        ((520, None), 1.0, (390, 520)),
        ((520, None), 0.75, (293, 390)),  # 292.5, rounded up
        ((769, None), 1.25, (722, 962)),  # ⌈961.25⌉, and 721.5 rounded up
        ((2048, 512), 1.0, (512, 683)),
        ((600, 512), 1.0, (450, 600)),
        ((None, 512), 1.0, (512, 683)),
        ((None, 512), 0.5, (256, 341)),
        ((None, None), 0.5, (300, 400)),
    ],
)
def test_sizes(sides: tuple[int | None, int | None], scale: float, expected: tuple[int, int]) -> None:
    protocol = Protocol(long_side=sides[0], short_side=sides[1])
    assert protocol.size(600, 800, scale) == expected
    assert protocol.size(800, 600, scale) == expected[::-1]


def test_sizes_are_rounded_as_in_mmseg() -> None:
    assert Protocol().size(99, 101, 0.75) == (74, 75)  # 74.25 and 75.75 are 74 and 76, and 101 · 74 / 99 is 75.5
    assert Protocol(long_side=2049, short_side=1025).size(1024, 2048, 1) == (1025, 2049)
    assert Protocol().size(1, 1, 0.25) == (1, 1)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(sorted({*NAMED} - {"tiled"})), st.integers(3, 12), st.integers(3, 12), st.integers(2, 9))
def test_tiles_change_nothing_where_a_pixel_is_judged_alone(name: str, height: int, width: int, crop: int) -> None:
    image, model = picture(height, width), toy(align_corners=True, context=0)
    protocol = replace(named_protocol(name), crop=(crop, crop), long_side=max(height, width), scales=(1.0,))
    expected = softmax(of(model)(image) * (2 if protocol.average == "exp" and protocol.flip else 1))
    np.testing.assert_allclose(run(model, image, protocol), expected, atol=1e-5)


@pytest.fixture(scope="module")
def model() -> EncNet:
    """Random weights with normalised activations."""
    torch.manual_seed(0)
    model = create_model("encnet_tiny", num_classes=3, align_corners=True, mean=tuple(MEAN), std=tuple(STD))
    with torch.no_grad():
        for _ in range(10):
            model.train()(torch.randn(4, 3, 32, 32))
    return model.eval()


def trained(model: EncNet, **training: Any) -> EncNet:
    model.info.training = training
    return model


def test_the_network_itself_by_pytorch_encoding(model: EncNet) -> None:
    predictor = Predictor(trained(model, crop=[32, 32], base_size=36), "pytorch-encoding", device="cpu")
    pixels = torch.randint(0, 256, (1, 3, 30, 41), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    image = (pixels[0].numpy() / 255 - np.array(MEAN)[:, None, None]) / np.array(STD)[:, None, None]
    with torch.no_grad():
        expected = by_pytorch_encoding(of(model), image, 36, 32, SIX, True, True)
    probabilities, presence = predictor.probabilities(pixels)
    np.testing.assert_allclose(probabilities[0].double().numpy(), expected, atol=1e-4)
    assert presence is not None
    assert presence.shape == (1, 3)


def test_what_a_protocol_leaves_to_the_model_is_filled_in(model: EncNet) -> None:
    model = trained(model, crop=[32, 48], base_size=40)
    assert Predictor(model, "pytorch-encoding").protocol == replace(
        NAMED["pytorch-encoding"], crop=(32, 48), long_side=40
    )
    assert Predictor(model, "mmseg-slide").protocol == replace(NAMED["mmseg-slide"], crop=(32, 48))
    assert Predictor(model, Protocol("sliding", (8, 8))).protocol.crop == (8, 8)
    assert Predictor(model).protocol == Protocol()
    assert Predictor(model, replace(NAMED["pytorch-encoding"], long_side=50)).protocol.long_side == 50


def test_a_protocol_with_a_size_takes_the_place_of_the_model_s(model: EncNet) -> None:
    info = replace(model.info, long_side=64, training={"crop": [32, 32]})
    assert NAMED["pytorch-encoding"].for_model(info).long_side == 64
    assert NAMED["mmseg"].for_model(info).long_side is None
    seen = []
    handle = model.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[-2:])))
    model.info.long_side = 64
    try:
        protocols = (Protocol(), Protocol(long_side=40), Protocol(short_side=40), Protocol(scales=(0.5,)))
        predictors = [Predictor(model, protocol, device="cpu") for protocol in protocols]
        seen.clear()
        for predictor in predictors:
            predictor.probabilities(torch.zeros(1, 3, 24, 48, dtype=torch.uint8))
    finally:
        handle.remove()
        model.info.long_side = None
    assert seen == [(32, 64), (20, 40), (40, 80), (16, 32)]


def test_what_the_checkpoint_does_not_say_is_asked_for(model: EncNet) -> None:
    for training, name, message in (
        ({}, "mmseg-slide", r"crop of the protocol is none.*--protocol\.crop"),
        ({}, "pytorch-encoding", r"crop of the protocol is none"),
        ({"crop": [8, 8]}, "pytorch-encoding-single", r"long_side of the protocol is none.*--protocol\.long_side"),
        ({"crop": [8, 8]}, "fastest", r"there is no protocol 'fastest'; choose one of plain, tiled, mmseg"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            Predictor(trained(model, **training), name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="crop of the protocol is none"):
        segment(model, torch.zeros(1, 3, 8, 8), Protocol("sliding"))


def test_changes_are_named() -> None:
    assert all(protocol.name == name and protocol.changed == () for name, protocol in NAMED.items())
    changed = replace(NAMED["pytorch-encoding"], crop=(9, 9), long_side=20, scales=(1.0,), flip=False)
    assert changed.changed == ("scales", "flip")
    assert changed.describe().startswith("pytorch-encoding (changed: scales, flip): tiles of 9 x 9, 6 x 6 pixels apart")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two images of which no pixel is of the third class; the checkpoint never predicts it."""
    rng = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (tmp_path / f"data/{kind}/val").mkdir(parents=True)
    for i in range(2):
        label = rng.integers(0, 2, (24, 30)).astype(np.uint8)
        Image.fromarray(rng.integers(0, 256, (24, 30, 3), dtype=np.uint8)).save(tmp_path / f"data/images/val/{i}.png")
        Image.fromarray(label).save(tmp_path / f"data/labels/val/{i}.png")
    (tmp_path / "data/dataset.yaml").write_text(
        "name: little\nclasses:\n"
        + "".join(f"  - {{name: {n}, color: [{40 * v}, 0, 0], value: {v}}}\n" for v, n in enumerate("abc"))
        + "splits:\n  val: {images: images/val, labels: labels/val}\n"
    )
    torch.manual_seed(0)
    model = create_model("encnet_tiny", num_classes=3)
    model.info.classes = ["a", "b", "c"]
    model.info.training = {"crop": [24, 24], "base_size": 30}
    bias = model.head.classifier.bias
    assert bias is not None
    with torch.no_grad():
        bias[2] = -1e3
    model.save(tmp_path / "model.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "name", "changed"),
    [
        (["--protocol", "pytorch-encoding-single"], "pytorch-encoding-single", []),
        (["--protocol.scales=[1.0,1.25]", "--protocol=pytorch-encoding"], "pytorch-encoding", ["scales"]),
        (["--protocol.name", "mmseg-ms", "--protocol.flip", "false"], "mmseg-ms", ["flip"]),
        (["--protocol", "{scales: [0.5], flip: true}"], "plain", ["scales", "flip"]),
        (["--protocol.mode", "sliding", "--protocol.crop", "[16,16]"], "plain", ["mode"]),
        ([], "plain", []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_the_stored_result_names_the_protocol(arguments: list[str], name: str, changed: list[str], data: Path) -> None:
    command = ["evaluate", str(data / "model.safetensors"), str(data / "data"), "--out", str(data / "out")]
    assert main([*command, "--workers", "0", "--device", "cpu", *arguments]) == 0
    report = json.loads((data / "out/evaluation.json").read_text())
    protocol, scores = report["protocol"], report["scores"]
    assert (protocol["name"], protocol["changed"]) == (name, changed)
    assert set(protocol) == {"name", "changed", *Protocol.__dataclass_fields__}
    iou = [scores["iou"][c] for c in "abc"]
    assert iou[2] is None
    if name.startswith("pytorch-encoding"):
        assert protocol["crop"] == [24, 24]
        assert protocol["long_side"] == 30
        assert protocol["absent_classes"] == "zero"
        assert report["mean_iou"] == pytest.approx((iou[0] + iou[1]) / 3)
    else:
        assert protocol["absent_classes"] == "leave_out"
        assert report["mean_iou"] == pytest.approx((iou[0] + iou[1]) / 2)
    assert f"mean IoU by this protocol: {100 * report['mean_iou']:.2f}" in (data / "out/evaluation.txt").read_text()


def test_predict_takes_a_protocol_by_name(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["predict", str(data / "model.safetensors"), str(data / "data/images/val"), "--out", str(data / "out")]
    assert main([*command, "--device", "cpu", "--protocol", "mmseg-ms"]) == 0
    assert len(list((data / "out").glob("*.json"))) == 2
    assert main([*command, "--protocol", "best"]) == 2
    assert "there is no protocol 'best'; choose one of plain, tiled, mmseg" in capsys.readouterr().err
