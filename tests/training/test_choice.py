"""Settings that are chosen for a data set."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from encnet.cli import main
from encnet.data.check import check_dataset
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.data.formats.dataset_yaml_writer import write_dataset_yaml
from encnet.data.labels import LabelSet
from encnet.training.choice import Choice, choose
from encnet.training.config import TrainConfig


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def photographs(root: Path, size: tuple[int, int], line: int, share: float = 0.3) -> DatasetIndex:
    """Three photographs of ``size`` (width, height), with an area and lines of ``line`` pixels in width."""
    width, height = size
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for i in range(3):
            label = np.zeros((height, width), np.uint8)
            label[: round(share * height)] = 1
            label[:, 60 : 60 + line] = 2
            Image.fromarray(label).save(root / f"labels/{split}/{i}.png")
            Image.fromarray(np.repeat(80 * label[..., None], 3, axis=2) + np.uint8(i)).save(
                root / f"images/{split}/{i}.png"
            )
    splits = {split: {"images": f"images/{split}", "labels": f"labels/{split}"} for split in ("train", "val")}
    write_dataset_yaml(root / "dataset.yaml", LabelSet.plain(["ground", "roof", "line"]), splits, "lines")
    return read_dataset(root)


def chosen(index: DatasetIndex, *given: str, **changes: Any) -> Choice:
    config = dataclasses.replace(TrainConfig(), **changes)
    return choose(config, index, check_dataset(index), set(given))


@pytest.mark.parametrize(
    ("size", "line", "expected"),
    [
        ((480, 360), 2, 640),
        ((300, 400), 3, 533),
        ((480, 360), 6, None),
        ((600, 450), 2, 640),
        ((640, 480), 2, None),
        ((1600, 1200), 60, 640),
        ((1600, 1200), 6, 1280),
        ((1600, 1200), 8, 896),
        ((1600, 1200), 2, 1280),
        ((800, 600), 4, None),
    ],
)
def test_the_working_size_shows_the_objects(
    tmp_path: Path, size: tuple[int, int], line: int, expected: int | None
) -> None:
    choice = chosen(photographs(tmp_path / "data", size, line))
    assert choice.config.data.long_side == expected
    factor = (expected or max(size)) / max(size)
    height, width = choice.config.data.crop
    assert height % 64 == width % 64 == 0
    assert height <= size[1] * factor and width <= size[0] * factor
    assert height * width == pytest.approx(320 * 448 * max(1, factor) ** 2, rel=0.25)
    if expected is not None:
        narrow = "'line' is narrower than 4 pixels in their own size"
        assert (narrow in " ".join(choice.reasons)) == (factor > 1)


@pytest.mark.parametrize(
    ("long_side", "crop", "seen"), [(None, (320, 448), "as they are"), (960, (640, 896), "of 960")]
)
def test_a_size_that_the_user_gives_decides_the_crops(
    tmp_path: Path, long_side: int | None, crop: tuple[int, int], seen: str
) -> None:
    """Even if it says that photographs keep theirs, where objects would be lost."""
    index = photographs(tmp_path / "data", (480, 360), 2)
    config = TrainConfig()
    config.data.long_side = long_side
    choice = choose(config, index, check_dataset(index), {"data.long_side"})
    assert (choice.config.data.long_side, choice.config.data.crop) == (long_side, crop)
    assert seen in choice.reasons[1] and "since that was given" in choice.reasons[1]


@pytest.mark.parametrize("size", [(100, 75), (60, 40), (200, 150)])
def test_crops_of_small_photographs_fit_into_them(tmp_path: Path, size: tuple[int, int]) -> None:
    data = chosen(photographs(tmp_path / "data", size, 20)).config.data
    assert data.long_side is None
    assert data.crop[0] <= max(32, size[1]) and data.crop[1] <= max(32, size[0])
    assert data.crop[0] % 32 == data.crop[1] % 32 == 0


def test_rare_classes_count_more(tmp_path: Path) -> None:
    rare = chosen(photographs(tmp_path / "rare", (128, 96), line=4))
    assert (rare.config.loss.class_weight_power, rare.config.loss.class_weight_fade) == (1.0, True)
    assert any("'line' has 3.1 % of the pixels" in reason for reason in rare.reasons)
    even = chosen(photographs(tmp_path / "even", (128, 96), line=40))
    assert even.config.loss.class_weight_power == 0.0


def test_what_the_user_gives_stays(tmp_path: Path) -> None:
    index = photographs(tmp_path / "data", (128, 96), line=4)
    config = TrainConfig()
    config.data.crop, config.optimizer.lr, config.loss.class_weight_power, config.steps = (32, 32), 0.01, 0.2, 7
    config.model.variant = "encnet_tiny"
    given = {"data.crop", "optimizer.lr", "loss.class_weight_power", "steps", "model.variant"}
    kept = choose(config, index, check_dataset(index), given).config
    assert (kept.data.crop, kept.data.half_share, kept.optimizer.lr) == ((32, 32), 0.0, 0.01)
    assert (kept.loss.class_weight_power, kept.loss.class_weight_fade) == (0.2, False)
    assert (kept.steps, kept.minutes) == (7, None)
    assert (kept.model.variant, kept.model.pretrained, kept.optimizer.frozen_stages) == ("encnet_tiny", None, 0)


def test_a_run_without_a_recipe_says_what_it_chose(squares: Path, tmp_path: Path, capfd: Any) -> None:
    flags = ["--steps", "2", "--model.variant", "encnet_tiny", "--data.workers", "0", "--accelerator", "cpu"]
    assert main(["train", str(squares), "--out", str(tmp_path / "run"), *flags]) == 0
    printed = capfd.readouterr().out
    assert "chosen for this data set; a flag replaces a choice, --recipe all of them:" in printed
    assert "- photographs as they are, since they have up to 64 pixels; 4 crops of 32 x 64 a step" in printed
    assert "half the resolution" not in printed  # which crops of 32 rows are too small for
    assert "encnet_lite0" not in printed and "minutes, since" not in printed
    config = yaml.safe_load((tmp_path / "run/config.yaml").read_text())["config"]
    assert (config["steps"], config["data"]["crop"], config["optimizer"]["lr"]) == (2, [32, 64], 1.5e-3)
    assert main(["train", str(squares), "--out", str(tmp_path / "other"), "--recipe", "scenes_tiny", *flags]) == 0
    assert "chosen for this data set" not in capfd.readouterr().out
