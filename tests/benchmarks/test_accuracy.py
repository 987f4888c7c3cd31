"""The benchmark of accuracy, short: a repeated call trains nothing again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import accuracy, accuracy_settings
from benchmarks.accuracy_scores import small_classes
from encnet.data.formats import read_dataset
from encnet.data.scenes import write_scenes
from encnet.system.errors import InputError
from encnet.training.config import TrainConfig
from encnet.training.recipes import load_recipe


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe with a random backbone, small crops, and photographs at another size than their own."""

    def quick(name: str, data: dict[str, Any], model: dict[str, Any] | None = None, **changes: Any) -> TrainConfig:
        data |= {"crop": [64, 64], "batch_size": 2, "long_side": 224}
        return load_recipe(name, data=data, model={**(model or {}), "pretrained": None, "head_channels": 16}, **changes)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(accuracy_settings, "load_recipe", quick)


@pytest.mark.slow
def test_finished_trainings_are_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = write_scenes(tmp_path / "scenes", train=6, val=2, test=0)
    arguments: dict[str, Any] = {"networks": ["encnet", "smp FPN"], "minutes": [0.02], "seeds": 1, "repeats": 1}
    path = accuracy.benchmark_accuracy(tmp_path / "out", scenes, "camvid_lite0", **arguments)
    first = json.loads(path.read_text())
    assert path.with_suffix(".png").is_file()
    assert [run["network"] for run in first["runs"]] == ["encnet", "smp FPN"]
    for run in first["runs"]:
        assert 0 < run["mean_iou"] < 1 and 0 <= run["boundary_f"] <= 1
        assert run["steps"] >= 1 and run["images_per_second"] > 0
        assert run["settings"]["loss"]["jaccard_weight"] == 1.0  # the recipe's
        folder = path.with_suffix("") / f"{run['network'].replace(' ', '_')}-0.02min-0"
        weights = folder / "last.safetensors"
        assert run["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
        assert weights.parent.with_name(f"{weights.parent.name}.csv").read_text().startswith("epoch,")
    assert all(speed > 0 for speeds in first["speeds"].values() for speed in speeds.values())
    monkeypatch.setattr(accuracy, "train", lambda *_, **__: pytest.fail("trained again"))
    again = accuracy.benchmark_accuracy(tmp_path / "out", scenes, "camvid_lite0", **arguments)
    assert json.loads(again.read_text()) == first
    record = path.with_suffix("") / "encnet-0.02min-0.json"
    changed = json.loads(record.read_text())
    changed["settings"]["optimizer"]["lr"] = 1.0
    record.write_text(json.dumps(changed))
    with pytest.raises(InputError, match=r"encnet-0.02min-0.json is the result of a run with .* now; delete it"):
        accuracy.benchmark_accuracy(tmp_path / "out", scenes, "camvid_lite0", **arguments)


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"seeds": 0}, "seeds"),
        ({"minutes": []}, "minutes"),
        ({"networks": ["smp Unknown"]}, "networks is 'smp Unknown'; it must be one of encnet"),
    ]
    for changes, message in wrong:
        with pytest.raises(InputError, match=message):
            accuracy.benchmark_accuracy(tmp_path, tmp_path, **changes)


def test_small_classes_have_few_pixels(tmp_path: Path) -> None:
    index = read_dataset(write_scenes(tmp_path / "scenes", train=4, val=1, test=0))
    counts = [0] * index.labels.num_classes
    for sample in index.split("train"):
        assert isinstance(sample.label, Path)
        values, numbers = np.unique(np.asarray(Image.open(sample.label)), return_counts=True)
        for value, number in zip(values, numbers, strict=True):
            if value < len(counts):
                counts[value] += int(number)
    expected = [c for c, count in enumerate(counts) if 0 < count < 0.02 * sum(counts)]
    assert small_classes(index) == expected
