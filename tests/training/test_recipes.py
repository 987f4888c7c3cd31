"""Recipes and saved settings."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import encnet
from encnet.checkpoint.create import create_model
from encnet.data.formats import FORMATS, read_dataset
from encnet.inference.protocols.protocol import named_protocol
from encnet.system.errors import InputError
from encnet.training.config import DataConfig, ModelConfig, TrainConfig
from encnet.training.recipes import list_recipes, load_recipe, load_run_config, recipe_path, save_config
from encnet.training.run import train

PUBLISHED = [
    "ade20k_jpu_resnet50",
    "ade20k_resnet101",
    "ade20k_resnet50",
    "cityscapes_jpu_resnet50",
    "cityscapes_resnet101_512x1024",
    "cityscapes_resnet101_769",
    "cityscapes_resnet50_512x1024",
    "cityscapes_resnet50_769",
    "pascal_context_jpu_resnet101",
    "pascal_context_jpu_resnet50",
    "pascal_context_resnet101",
    "pascal_context_resnet50",
    "voc_resnet101",
]
OWN = [
    "camvid32",
    "camvid_lite0",
    "camvid_lite0_15min",
    "camvid_lite2",
    "own_data_large",
    "own_data_small",
    "scenes_tiny",
]


def comment(name: str) -> str:
    """The comment of a recipe, as one line."""
    lines = recipe_path(name).read_text(encoding="utf-8").splitlines()
    return " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))


def test_all_recipes_are_listed() -> None:
    assert list_recipes() == sorted(PUBLISHED + OWN)
    assert len(list_recipes()) == 20


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_builds_its_model(name: str) -> None:
    config = load_recipe(name)
    options = config.model.changes() | {"pretrained": None}
    with torch.device("meta"):  # shapes without numbers
        assert create_model(config.model.variant, 3, **options).num_classes == 3
    assert config.data.format is None or config.data.format in FORMATS
    assert recipe_path(name).read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_recipe_states_its_source_and_its_batch(name: str) -> None:
    config, text = load_recipe(name), comment(name)
    assert re.search(r"Schedule: (PyTorch-Encoding 1\.0|MMSegmentation|FastFCN), `", text)
    assert re.search(r"Published: mIoU \d\d\.\d.* Evaluate: encnet evaluate .* --protocol .* Batch: .* Differs: ", text)
    assert f"DATASET --format {config.data.format} --protocol" in text
    batch = re.search(r"Batch: (\d+) in total, (\d+) devices x (\d+) images", text)
    assert batch is not None
    total, devices, images = map(int, batch.groups())
    assert total == devices * images
    assert (total, images) == (config.optimizer.lr_batch, config.data.batch_size)
    assert config.optimizer.name == "sgd"
    assert (config.model.pretrained, config.data.rotation, config.data.jitter) == ("timm", 0, 0)


SMALL: dict[str, Any] = {
    "model": {"pretrained": None, "backbone": "resnet10t", "head_channels": 16, "num_codes": 4},
    "data": {"batch_size": 2, "workers": 0, "crop": [48, 48]},
    "steps": 2,
    "precision": "fp32",
    "accelerator": "cpu",
}
"""Changes with which any recipe trains in seconds."""

CLASSES = {"ade20k": 150, "camvid": 33, "cityscapes": 19, "pascal_context59": 59, "voc": 21}


DIFFERING = [
    *("ade20k_resnet50", "ade20k_jpu_resnet50", "camvid32", "voc_resnet101", "pascal_context_resnet50"),
    *("pascal_context_jpu_resnet50", "cityscapes_resnet50_769", "cityscapes_resnet50_512x1024"),
    "cityscapes_jpu_resnet50",
]
"""The recipes for published data sets, without those of ResNet-101 that equal ResNet-50's at reduced depth."""

QUICK = ("ade20k_resnet50", "camvid32", "cityscapes_resnet50_769")


def test_every_recipe_for_a_published_data_set_is_run_or_equals_one_that_is() -> None:
    names = [name for name in list_recipes() if load_recipe(name).data.format]
    assert set(DIFFERING) <= set(names)
    assert {name.replace("101", "50") for name in names} == {name.replace("101", "50") for name in DIFFERING}


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in DIFFERING]
)
def test_a_recipe_trains_and_evaluates_on_the_official_layout_of_its_data_set(
    official_layout: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    config = load_recipe(name, **SMALL)
    if config.data.base_size is not None:
        config.data.base_size = 48
    assert config.data.format is not None
    data = official_layout(config.data.format.removesuffix("59"))
    best = train(data, config, tmp_path / "run", quiet=True)
    index = read_dataset(data, config.data.format)
    protocol = re.search(r"--protocol (\S+)", comment(name))
    chosen = named_protocol(protocol[1] if protocol else "plain")
    if config.data.base_side == "short":  # as the comment of the recipe says
        chosen = dataclasses.replace(chosen, long_side=48)
    report = encnet.evaluate(best, index, protocol=chosen, workers=0, progress=False)
    model = encnet.load(best)
    assert model.info.training["step"] == 2
    assert len(report.scores.names) == model.num_classes == CLASSES[config.data.format]
    assert report.images == 2


@pytest.mark.parametrize("name", ["own_data_small", "own_data_large"])
def test_a_recipe_for_own_data_trains_and_evaluates(squares: Path, tmp_path: Path, name: str) -> None:
    config = load_recipe(name, **SMALL)
    config.data.long_side = 64
    best = train(squares, config, tmp_path / "run", quiet=True)
    report = encnet.evaluate(best, read_dataset(squares), workers=0, progress=False)
    assert report.scores.names == ("ground", "square")
    assert encnet.load(best).info.long_side == 64


def test_changes_override_the_recipe() -> None:
    config = load_recipe("scenes_tiny", epochs=3, data={"batch_size": 2})
    assert (config.epochs, config.data.batch_size) == (3, 2)
    assert config.data.crop == load_recipe("scenes_tiny").data.crop == (160, 320)


def test_saved_settings_are_read_back(tmp_path: Path) -> None:
    config = TrainConfig(ModelConfig(lateral=True, pretrained="package"), DataConfig(crop=(64, 96)), ema=0.5, steps=7)
    save_config(config, tmp_path / "données", tmp_path / "config.yaml")
    assert load_run_config(tmp_path / "config.yaml") == (tmp_path / "données", config)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: many", r"own\.yaml.*epochs"),
        ("epochs: 0", r"epochs is 0; it must be a whole number from 1"),
        ("steps: 1e400", r"own\.yaml: steps is 1e400; it must be a whole number$"),
        ("epoch: 3", r"own\.yaml: there is no setting epoch; did you mean epochs\?$"),
        ("lr: 0.1", r"own\.yaml: there is no setting lr; did you mean optimizer\.lr\?$"),
        ("model: encnet_tiny", r"own\.yaml: model must hold settings by name, not 'encnet_tiny'$"),
        ("data: {crop: [8, 8]}", r"data\.crop is \(8, 8\); it must be a list of 2 values, each a whole number from 16"),
        ("data: {base_size: 8}", r"data\.base_size is 8; it must be a whole number from 16"),
        ("data: {max_class_share: 0}", r"data\.max_class_share is 0.*; it must be a number above 0 and at most 1"),
        ("data: {blur: 2}", r"data\.blur is 2.*; it must be a number from 0 to 1"),
        ("optimizer: {name: lamb}", r"own\.yaml.*optimizer\.name"),
        (
            "optimizer: {lr: 0.1, min_lr: 0.2}",
            r"optimizer\.min_lr is 0\.2; it must be at least 0 and less than lr 0\.1",
        ),
        ("optimizer: {lr_batch: 0}", r"optimizer\.lr_batch is 0; it must be a whole number from 1"),
        ("- 1", r"own\.yaml must hold settings by name"),
        ("a: [", r"own\.yaml cannot be read as YAML"),
        (
            "model: {full_resolution: true}",
            r"own\.yaml: model\.full_resolution is now head: fullres instead of true, enc instead of false",
        ),
    ],
)
def test_errors_name_the_file_and_the_setting(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_recipe(str(tmp_path / "own.yaml"))
    assert "\n" not in str(error.value)


def test_the_error_for_an_unknown_recipe_lists_all_recipes() -> None:
    with pytest.raises(InputError, match=r"camvid_lite0, .*scenes_tiny"):
        load_recipe("camvid_lite9")


def test_a_run_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^there is no folder .*run; give the folder of a run$"):
        load_run_config(tmp_path / "run/config.yaml")
