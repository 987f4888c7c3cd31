"""A threshold between two classes, and the confidence and the probabilities of each pixel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.cli import main
from encnet.inference import Predictor
from encnet.inference.protocols.protocol import Protocol
from encnet.system.errors import InputError

THRESHOLD = 0.2
MAPS = ("--confidence", "--probabilities")


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    """Soft blotches, which look alike at all scales."""
    blotches = np.random.default_rng(0).integers(0, 256, (9, 13, 3), np.uint8)
    return np.array(Image.fromarray(blotches).resize((104, 72), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def model(photograph: np.ndarray) -> EncNet:
    """An untrained network of two classes, whose differences of scores have a spread of 1 around -0.8."""
    torch.manual_seed(0)
    model = create_model("encnet_tiny", 2).eval()
    model.info.classes = ["road", "crack"]
    classifier: Any = model.head.classifier
    with torch.no_grad():
        scores = model(model.normalised(torch.from_numpy(photograph).permute(2, 0, 1)[None])).logits
        difference = scores[:, 1] - scores[:, 0]
        classifier.weight /= difference.std()
        classifier.bias /= difference.std()
        classifier.bias[1] -= difference.mean() / difference.std() + 0.8
    return model


PROTOCOLS = {
    "plain": Protocol(),
    "tiled": Protocol(mode="tiled", crop=(64, 64), margin=0),
    "large": Protocol(scales=(1.5,)),
}


def second(model: EncNet, protocol: Protocol, photograph: np.ndarray) -> np.ndarray:
    """The probability of the second class of each pixel, (H, W)."""
    images = torch.from_numpy(photograph).permute(2, 0, 1)[None]
    return Predictor(model, protocol, device="cpu").probabilities(images)[0][0, 1].double().numpy()


@pytest.mark.parametrize("name", PROTOCOLS)
def test_pixels_have_the_second_class_from_the_threshold_on(name: str, model: EncNet, photograph: np.ndarray) -> None:
    probability = second(model, PROTOCOLS[name], photograph)
    found = Predictor(model, PROTOCOLS[name], device="cpu", threshold=THRESHOLD)(photograph)
    clear = np.abs(probability - THRESHOLD) > 1e-5
    assert clear.mean() > 0.99
    expected = probability >= THRESHOLD
    np.testing.assert_array_equal(found.labels[clear], expected[clear])
    assert 0.02 < expected.mean() < 0.98 and (expected != (probability >= 0.5)).mean() > 0.02
    assert found.confidence is None


@pytest.mark.parametrize("threshold", [None, THRESHOLD])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_confidence_is_the_probability_of_the_class_that_a_pixel_has(
    name: str, threshold: float | None, model: EncNet, photograph: np.ndarray
) -> None:
    probability = second(model, PROTOCOLS[name], photograph)
    found = Predictor(model, PROTOCOLS[name], device="cpu", threshold=threshold, confidence=True)(photograph)
    assert found.confidence is not None and found.confidence.dtype == np.float32
    expected = np.where(found.labels == 1, probability, 1 - probability)
    np.testing.assert_allclose(found.confidence, expected, atol=1e-5)
    plain = Predictor(model, PROTOCOLS[name], device="cpu", threshold=threshold)(photograph)
    assert (found.labels == plain.labels).mean() > 0.999


@pytest.mark.parametrize("threshold", [None, THRESHOLD])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_probabilities_are_those_of_the_network_whatever_the_threshold(
    name: str, threshold: float | None, model: EncNet, photograph: np.ndarray
) -> None:
    expected = second(model, PROTOCOLS[name], photograph)
    found = Predictor(model, PROTOCOLS[name], device="cpu", threshold=threshold, probabilities=True)(photograph)
    assert found.probabilities is not None and found.probabilities.dtype == np.float32
    np.testing.assert_allclose(found.probabilities, [1 - expected, expected], atol=1e-5)
    assert found.confidence is None and found.threshold == threshold


def test_the_command_writes_all_and_exported_models_have_a_threshold(
    model: EncNet, photograph: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    model.save("m.safetensors")
    Image.fromarray(photograph).save("photograph.png")
    words = ["photograph.png", "--threshold", str(THRESHOLD)]
    assert main(["predict", "m.safetensors", *words, *MAPS, "--device", "cpu", "--out", "ours"]) == 0
    assert main(["export", "m.safetensors", "--format", "onnx", "--out", "m.onnx"]) == 0
    assert main(["predict", "m.onnx", *words, "--out", "exported"]) == 0
    ours, exported = (np.asarray(Image.open(f"{folder}/photograph.png")) for folder in ("ours", "exported"))
    assert (ours == exported).mean() > 0.999
    assert set(np.unique(ours)) == {0, 1}
    probability = second(model, Protocol(), photograph)
    levels = np.asarray(Image.open("ours/photograph_confidence.png")).astype(float)
    assert levels.shape == ours.shape
    np.testing.assert_allclose(levels / 255, np.where(ours == 1, probability, 1 - probability), atol=0.0021)
    with np.load("ours/photograph_probabilities.npz") as arrays:
        assert arrays["classes"].tolist() == ["road", "crack"]
        assert arrays["probabilities"].dtype == np.float16
        np.testing.assert_allclose(arrays["probabilities"], [1 - probability, probability], atol=0.0005)
    for folder in ("ours", "exported"):
        assert json.loads(Path(folder, "photograph.json").read_text("utf-8"))["threshold"] == THRESHOLD
    written = {path.name for path in Path("exported").iterdir() if not path.name.startswith(".")}
    assert written == {"photograph.png", "photograph_overlay.png", "photograph.json"}


def test_a_model_is_scored_with_a_threshold(
    model: EncNet, photograph: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model.save("m.safetensors")
    truth = np.random.default_rng(1).integers(0, 2, photograph.shape[:2], np.uint8)
    for folder, picture in (("images", photograph), ("labels", truth)):
        Path("data", folder, "val").mkdir(parents=True)
        Image.fromarray(picture).save(f"data/{folder}/val/a.png")
    Path("data/dataset.yaml").write_text("classes: [road, crack]\n", encoding="utf-8")
    words = ["evaluate", "m.safetensors", "data", "--device", "cpu", "--workers", "0"]
    found = {}
    for threshold in ("0.5", str(THRESHOLD)):
        assert main([*words, "--threshold", threshold, "--out", threshold]) == 0
        found[threshold] = json.loads(Path(threshold, "evaluation.json").read_text("utf-8"))
        predicted = second(model, Protocol(), photograph) >= float(threshold)
        crack = (predicted & (truth == 1)).sum() / (predicted | (truth == 1)).sum()
        assert found[threshold]["scores"]["iou"]["crack"] == pytest.approx(crack, abs=1e-3)
    assert [report["threshold"] for report in found.values()] == [None, THRESHOLD]
    assert "threshold 0.2" in Path(str(THRESHOLD), "evaluation.html").read_text("utf-8")
    assert "threshold" not in Path("0.5", "evaluation.txt").read_text("utf-8")
    assert main([*words, "--threshold", "1.5"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.0}, r"threshold is 1\.0; it must be a probability above 0 and below 1"),
        ({"threshold": float("nan")}, r"threshold is nan; it must be a probability above 0 and below 1"),
    ],
)
def test_wrong_thresholds_are_one_sentence(options: dict[str, Any], message: str, model: EncNet) -> None:
    with pytest.raises(InputError, match=message):
        Predictor(model, device="cpu", **options)


def test_a_threshold_is_for_two_classes() -> None:
    with pytest.raises(InputError, match="tells two classes apart, and the model has 3; leave it out"):
        Predictor(create_model("encnet_tiny", 3), device="cpu", threshold=0.3)
