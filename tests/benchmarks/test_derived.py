"""Data sets drawn from another, and the scores of a network with mirroring and scales."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import encnet
from benchmarks import averaging
from benchmarks.accuracy_scores import small_classes
from benchmarks.averaging import PROTOCOLS, benchmark_averaging, rows
from benchmarks.derived import write_derived
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.data.scenes import write_scenes
from encnet.data.tensors import SegmentationDataset
from encnet.inference.protocols.protocol import Protocol
from encnet.system.errors import InputError


@pytest.fixture
def scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return write_scenes(tmp_path / "scenes", train=3, val=2, test=0)


def samples(index: DatasetIndex, split: str) -> list[tuple[np.ndarray, np.ndarray]]:
    read = SegmentationDataset(index.split(split), index.labels)
    return [
        (np.asarray(image).transpose(1, 2, 0), np.asarray(label))
        for image, label in (read[i] for i in range(len(read)))
    ]


def test_derived_data_sets_show_the_photographs_and_classes_of_the_first(scenes: Path, tmp_path: Path) -> None:
    first = read_dataset(scenes)
    half, thin = (read_dataset(root) for root in write_derived(tmp_path / "out", scenes))
    assert half.labels.names == first.labels.names and thin.labels.names == ("others", "thin")
    small = small_classes(first)
    assert small
    for split, number in (("train", 3), ("val", 2)):
        ours = [samples(index, split) for index in (first, half, thin)]
        assert [len(each) for each in ours] == [number] * 3
        for (image, label), (halved, label_halved), (same, binary) in zip(*ours, strict=True):
            assert halved.shape == (image.shape[0] // 2, image.shape[1] // 2, 3) == (*label_halved.shape, 3)
            assert abs(halved.mean() - image.mean()) < 1
            assert set(np.unique(label_halved)) <= set(np.unique(label))
            np.testing.assert_array_equal(same, image)
            known = label != first.labels.ignore
            np.testing.assert_array_equal((binary == 1)[known], np.isin(label, small)[known])
            np.testing.assert_array_equal(binary == thin.labels.ignore, ~known)
    with pytest.raises(InputError, match="scenes_half is there already"):
        write_derived(tmp_path / "out", scenes)


def test_the_figures_are_those_of_evaluations(scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = read_dataset(scenes)
    torch.manual_seed(0)
    model = encnet.create_model("encnet_tiny", num_classes=len(index.labels.names))
    model.info.classes = list(index.labels.names)
    model.eval().save(tmp_path / "model.safetensors")
    protocols = {"one pass": Protocol(), "mirrored too": Protocol(flip=True)}
    assert next(iter(PROTOCOLS)) == "one pass" and protocols.items() <= PROTOCOLS.items()
    monkeypatch.setattr(averaging, "PROTOCOLS", protocols)
    path = benchmark_averaging(tmp_path, tmp_path / "model.safetensors", scenes, limit=1)
    report = json.loads(path.read_text())
    assert path.name == "averaging_scenes.json" and report["setting"]["images"] == 1
    for result in report["results"]:
        scores = encnet.evaluate(
            model, index, protocol=protocols[result["protocol"]], device="cpu", workers=0, limit=1, progress=False
        ).scores
        assert result["mean_iou"] == pytest.approx(scores.mean_iou)
        assert result["small_iou"] == pytest.approx(np.nanmean(scores.iou[small_classes(index)]))
    first, second = rows(report)
    difference = 100 * (report["results"][1]["mean_iou"] - report["results"][0]["mean_iou"])
    assert first[2] == "" and float(second[2]) == pytest.approx(difference, abs=0.06)
