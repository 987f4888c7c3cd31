"""Model options as settings of a training run: flags, recipes, and defaults of the variant."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import docstring_parser
import pytest
import torch
import yaml

from encnet.cli import main
from encnet.data.formats import read_dataset
from encnet.model.options import ModelOptions
from encnet.model.variants import variant_options
from encnet.system.errors import InputError
from encnet.training.config import ModelConfig, TrainConfig
from encnet.training.model_changes import ModelChanges
from encnet.training.network import build_model
from encnet.training.recipes import load_recipe

CHANGED: dict[str, Any] = {
    "backbone": "resnet18",
    "backbone_options": {"stem_width": 16},
    "output_stride": 16,
    "backbone_dilations": [2, 4],
    "whole_stage_dilation": True,
    "recompute_stages": 2,
    "jpu": True,
    "head": "fullres",
    "head_channels": 24,
    "num_codes": 5,
    "conv_in_kernel": 1,
    "lateral": True,
    "detail_channels": [16],
    "context": False,
    "se": False,
    "stage3_se": True,
    "aux": False,
    "aux_channels": 24,
    "dropout": 0.25,
    "align_corners": True,
    "presence_loss": "mse",
    "in_channels": 4,
    "mean": [0.1, 0.2, 0.3],
    "std": [0.4, 0.5, 0.6],
}
"""A value for each option that differs from its default."""

NEEDED: dict[str, dict[str, Any]] = {
    "backbone_dilations": {"output_stride": 32},
    "whole_stage_dilation": {"backbone": "resnet18"},
    "context": {"se": False},
    "in_channels": {"mean": [0.5] * 4, "std": [0.5] * 4},
}
"""Options without which a value of another one does not fit."""

OPTIONS = [field.name for field in dataclasses.fields(ModelOptions)]


@pytest.fixture(scope="module")
def train_help() -> str:
    """The text of `encnet train --help`, on one line."""
    written = io.StringIO()
    with contextlib.redirect_stdout(written), pytest.raises(SystemExit):
        main(["train", "--help"])
    return " ".join(written.getvalue().split())


def test_every_option_has_a_value_to_test_with() -> None:
    assert sorted(CHANGED) == sorted(OPTIONS)
    defaults = ModelOptions()
    for name, value in CHANGED.items():
        assert value != getattr(defaults, name), name


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_a_flag_with_its_documentation(name: str, train_help: str) -> None:
    documented = docstring_parser.parse_from_object(ModelOptions).params
    description = next(field.description for field in documented if field.arg_name == name)
    assert description
    words = re.escape(" ".join(description.split()))
    assert re.search(rf"--model\.{name}\b(?:(?!--model\.).)*{words}", train_help)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_of_a_recipe_reaches_create_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, squares: Path
) -> None:
    received: dict[str, Any] = {}

    def create_model(variant: str, num_classes: int, *, pretrained: object, **options: Any) -> None:
        received.update(options)
        raise InterruptedError

    settings = {**NEEDED.get(name, {}), name: CHANGED[name]}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"model": {"variant": "encnet_tiny", **settings}}))
    config = load_recipe(str(tmp_path / "own.yaml"))
    monkeypatch.setattr("encnet.training.network.create_model", create_model)
    if name == "in_channels":  # training data are RGB photographs
        with pytest.raises(InputError, match="in_channels is 4"):
            build_model(read_dataset(squares), config)
        received.update(config.model.changes())
    else:
        with pytest.raises(InterruptedError):
            build_model(read_dataset(squares), config)
    assert {key: _as_json(value) for key, value in received.items()} == settings
    assert _as_json(getattr(variant_options("encnet_tiny", **received), name)) == CHANGED[name]


@pytest.mark.parametrize("variant", ["encnet_tiny", "encnet_lite0", "encnet_jpu_resnet50"])
def test_options_that_are_not_set_keep_the_values_of_the_variant(variant: str, squares: Path) -> None:
    assert all(getattr(ModelChanges(), name) is None for name in OPTIONS)
    config = TrainConfig(model=ModelConfig(variant=variant))
    assert config.model.changes() == {}
    with torch.device("meta"):
        model, _ = build_model(read_dataset(squares), config)
    expected = variant_options(variant)
    assert model.info.options == {"num_classes": 2, **expected.to_dict()}
    of_weights = model.backbone.normalisation
    assert (tuple(model.info.mean), tuple(model.info.std)) == (of_weights.mean, of_weights.std)


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
