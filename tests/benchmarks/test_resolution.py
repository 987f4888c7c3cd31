"""The resolution benchmark: its numbers are those of evaluations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from sample_paths import path_of

import encnet
from benchmarks.resolution import AS_THEY_ARE, SCALED, benchmark_resolution, resized
from encnet.checkpoint.encnet import EncNet
from encnet.data.formats import read_dataset
from encnet.data.scenes import write_scenes
from encnet.system.errors import InputError


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes") / "scenes", train=1, val=2, test=0)


def network(scenes: Path, crop: tuple[int, int]) -> EncNet:
    torch.manual_seed(0)
    names = read_dataset(scenes).labels.names
    model = encnet.create_model("encnet_tiny", num_classes=len(names))
    assert model.head.presence is not None
    torch.nn.init.normal_(model.head.classifier.weight)
    model.info.classes, model.info.training = list(names), {"crop": list(crop)}
    return model.eval()


def test_the_scores_are_those_of_evaluations(scenes: Path, tmp_path: Path) -> None:
    index = read_dataset(scenes)
    with Image.open(path_of(index.split("val")[0].image)) as image:
        width, height = image.size
    model = network(scenes, (height, width // 2))
    checkpoint = tmp_path / "model.safetensors"
    model.save(checkpoint)
    report = json.loads(benchmark_resolution(tmp_path, checkpoint, scenes, areas=(1.0, 2.0)).read_text())
    results = {(result["area"], result["way"]): result for result in report["results"]}
    assert set(results) == {(area, way) for area in (1.0, 2.0) for way in (AS_THEY_ARE, SCALED)}
    plain = encnet.evaluate(model, index, device="cpu", workers=0, progress=False).scores
    model.info.context_pixels = model.context_pixels(height, width // 2)
    scaled = encnet.evaluate(model, index, device="cpu", workers=0, progress=False).scores
    for way, scores in ((AS_THEY_ARE, plain), (SCALED, scaled)):  # twice the crop is the image's own size
        assert results[2.0, way]["mean_iou"] == pytest.approx(scores.mean_iou)
        assert results[2.0, way]["presence_average_precision"] == pytest.approx(scores.mean_presence_average_precision)
    assert results[2.0, SCALED] != results[2.0, AS_THEY_ARE]


def test_resized_images_have_the_area_and_keep_their_proportions() -> None:
    image = resized(Image.new("RGB", (480, 360)), 2 * 320 * 448)
    assert image.width * image.height == pytest.approx(2 * 320 * 448, rel=0.005)
    assert image.width / image.height == pytest.approx(480 / 360, rel=0.005)


def test_a_network_without_its_crop_is_refused(scenes: Path, tmp_path: Path) -> None:
    model = network(scenes, (64, 64))
    model.info.training = {}
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="does not tell with which crop"):
        benchmark_resolution(tmp_path, tmp_path / "model.safetensors", scenes)
    with pytest.raises(InputError, match="areas is"):
        benchmark_resolution(tmp_path, tmp_path / "model.safetensors", scenes, areas=())
