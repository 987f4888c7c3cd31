"""The protocol `tiled`: its settings, its description, and its results from Predictor and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from block_network import block_network
from block_pictures import block_picture
from PIL import Image

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.cli import main
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import Protocol, named_protocol
from encnet.inference.protocols.sliding_window import segment
from encnet.system.errors import InputError


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = create_model("encnet_tiny", num_classes=2)
    model.info.classes, model.info.palette = ["land", "sea"], [[9, 99, 9], [9, 9, 99]]
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    model.save(path)
    return path


@pytest.mark.parametrize("long_side", [None, 200])
def test_tiles_share_the_context_of_the_whole_image(long_side: int | None) -> None:
    model = block_network()
    model.info.long_side = long_side
    image = block_picture(130, 170)
    plain, tiled = (
        Predictor(model, protocol, device="cpu") for protocol in ("plain", Protocol("tiled", (64, 96), margin=0))
    )
    expected, result = plain(image), tiled(image)
    assert expected.presence is not None
    assert result.presence is not None
    np.testing.assert_allclose(result.presence, expected.presence, atol=1e-5)
    assert (result.labels == expected.labels).mean() > 0.999
    tensors = torch.from_numpy(image).permute(2, 0, 1)[None]
    for one, other in zip(tiled.probabilities(tensors), plain.probabilities(tensors), strict=True):
        assert one is not None
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)
    batch = [image, image[::-1].copy(), image[:40]]
    for alone, together in zip([tiled(image) for image in batch], tiled.batch(batch), strict=True):
        np.testing.assert_array_equal(alone.labels, together.labels)
        np.testing.assert_array_equal(alone.presence, together.presence)


def test_an_image_no_larger_than_a_tile_is_predicted_as_by_plain(checkpoint: Path) -> None:
    image = block_picture(70, 96)
    plain = Predictor(checkpoint, device="cpu")(image)
    for tile in ((96, 96), (1024, 1024)):
        tiled = Predictor(checkpoint, Protocol("tiled", tile, margin=0), device="cpu")(image)
        np.testing.assert_array_equal(tiled.labels, plain.labels)
        np.testing.assert_array_equal(tiled.presence, plain.presence)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"crop": (100, 128)}, r"protocol.crop is \(100, 128\); it must be a multiple of 32 in tiled mode"),
        ({"margin": 20}, "protocol.margin is 20; it must be a multiple of 32"),
        ({"margin": -32}, "protocol.margin is -32; it must be a whole number from 0"),
        ({"crop": (256, 512)}, "protocol.margin is 128; it must be below half a tile, which is 256 long"),
        ({"flip": True}, "protocol.flip is True; it must be False in tiled mode, as in the protocol plain"),
        ({"scales": (0.5, 1.0)}, "protocol.scales"),
        ({"average": "exp"}, "protocol.average"),
        ({"long_side": 500}, "protocol.long_side"),
        ({"short_side": 500}, "protocol.short_side"),
    ],
)
def test_a_setting_that_tiles_do_not_support_is_an_error_that_names_it(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Protocol("tiled", **wrong)


def test_the_description_names_the_tiles() -> None:
    tiled = named_protocol("tiled")
    assert tiled.for_model(create_model("encnet_tiny", num_classes=2).info).crop == (1024, 1024)
    assert tiled.describe() == "tiled: tiles of 1024 x 1024 with margins of 128, one context"
    changed = Protocol("tiled", (512, 768), margin=64, name="tiled")
    assert changed.describe() == "tiled (changed: margin): tiles of 512 x 768 with margins of 64, one context"
    model: EncNet = block_network()
    with pytest.raises(InputError, match=r"run by encnet\.Predictor"):
        segment(model, torch.zeros(1, 3, 8, 8), tiled)


def test_exported_models_cannot_be_tiled(toy_onnx: Callable[..., Path]) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(InputError, match="the protocol tiled with these settings takes PyTorch and a checkpoint"):
        Predictor(toy_onnx(), "tiled")


def test_predict_and_evaluate_run_the_protocol(checkpoint: Path, tmp_path: Path) -> None:
    for kind in ("images", "labels"):
        (tmp_path / f"data/{kind}/val").mkdir(parents=True)
    Image.fromarray(block_picture(100, 150)).save(tmp_path / "data/images/val/one.png")
    Image.fromarray((block_picture(100, 150)[..., 0] > 99).astype(np.uint8)).save(tmp_path / "data/labels/val/one.png")
    (tmp_path / "data/dataset.yaml").write_text(
        "labels: value\nclasses:\n- {name: land, color: [9, 99, 9], value: 0}\n"
        "- {name: sea, color: [9, 9, 99], value: 1}\nsplits:\n  val: {images: images/val, labels: labels/val}\n"
    )
    tiles = ["--protocol", "tiled", "--protocol.crop", "[64,64]", "--protocol.margin", "0", "--device", "cpu"]
    image = str(tmp_path / "data/images/val/one.png")
    assert main(["predict", str(checkpoint), image, "--out", str(tmp_path / "out"), *tiles]) == 0
    expected = Predictor(checkpoint, Protocol("tiled", (64, 64), margin=0), device="cpu")(image)
    with Image.open(tmp_path / "out/one.png") as labels:
        np.testing.assert_array_equal(np.asarray(labels), expected.labels)
    scores = str(tmp_path / "scores")
    assert main(["evaluate", str(checkpoint), str(tmp_path / "data"), "--out", scores, "--workers", "0", *tiles]) == 0
    (report,) = [json.loads(path.read_text()) for path in Path(scores).glob("evaluation.json")]
    assert report["protocol"]["name"] == "tiled"
    assert report["protocol"]["crop"] == [64, 64]
    assert report["protocol"]["margin"] == 0
