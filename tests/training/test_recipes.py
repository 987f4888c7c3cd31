"""Recipes and saved settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from encnet.errors import InputError
from encnet.model.variants import create_model
from encnet.training.config import DataConfig, ModelConfig, TrainConfig
from encnet.training.recipes import list_recipes, load_recipe, load_run_config, save_config


def test_there_are_as_many_as_promised() -> None:
    assert list_recipes() == ["camvid_lite0", "scenes_tiny"]


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_builds_its_model(name: str) -> None:
    config = load_recipe(name)
    options = config.model.options() | {"pretrained": None}
    assert create_model(config.model.variant, 3, **options).num_classes == 3


def test_changes_win_over_the_recipe() -> None:
    config = load_recipe("scenes_tiny", epochs=3, data={"batch_size": 2})
    assert (config.epochs, config.data.batch_size) == (3, 2)
    assert config.data.crop == load_recipe("scenes_tiny").data.crop == (160, 320)


def test_settings_survive_the_disk(tmp_path: Path) -> None:
    config = TrainConfig(ModelConfig(lateral=True, pretrained="package"), DataConfig(crop=(64, 96)), ema=0.5, steps=7)
    save_config(config, tmp_path / "données", tmp_path / "config.yaml")
    assert load_run_config(tmp_path / "config.yaml") == (tmp_path / "données", config)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: many", r"own\.yaml.*epochs"),
        ("epochs: 0", r"epochs is 0; it must be at least 1"),
        ("epoch: 3", r"own\.yaml.*epoch"),
        ("data: {crop: [8, 8]}", r"data\.crop is \(8, 8\); it must be at least 16"),
        ("optimizer: {name: lamb}", r"own\.yaml.*optimizer\.name"),
        ("- 1", r"own\.yaml must hold settings by name"),
        ("a: [", r"own\.yaml cannot be read as YAML"),
    ],
)
def test_mistakes_name_the_file_and_the_setting(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_recipe(str(tmp_path / "own.yaml"))
    assert "\n" not in str(error.value)


def test_unknown_recipes_list_those_there_are() -> None:
    with pytest.raises(InputError, match="camvid_lite0, scenes_tiny"):
        load_recipe("camvid_lite9")
