"""The schema of metadata: complete, and the same for checkpoints and exported files."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from encnet.checkpoint.create import create_model
from encnet.inference.engines.description import Description
from encnet.model.info import ModelInfo
from encnet.model.options import ModelOptions
from encnet.model.schema import INFO, OPTIONS
from encnet.model.variants import list_models, variant_options
from encnet.system.errors import InputError


def test_every_field_and_every_option_has_a_rule() -> None:
    assert INFO.keys() == {field.name for field in dataclasses.fields(ModelInfo)}
    assert OPTIONS.keys() == {field.name for field in dataclasses.fields(ModelOptions)}


@pytest.mark.parametrize("variant", list_models())
def test_options_of_every_variant_follow_the_schema(variant: str) -> None:
    for name, value in dataclasses.asdict(variant_options(variant)).items():
        assert OPTIONS[name].holds(value), name


WRONG: dict[str, tuple[Any, ...]] = {
    "variant": (None, 3, ["x"], "x" * 201),
    "options": (None, [], {"head_channels": -1}, {"num_codes": 10**9}, {"jpu": "yes"}, {"num_classes": 0}),
    "mean": (None, 0.5, [], [0.5], ["0.5"] * 3, [float("nan")] * 3, [10**400] * 3, [[0.5]] * 3),
    "std": ([0.0] * 3, [-1.0] * 3, {}, [True] * 3),
    "long_side": (0, -1, 10**9, 1.5, "64", True),
    "classes": ("road", [1], ["\ud800"], [["road"]], ["x" * 10_001]),
    "palette": ([1, 2, 3], [[1, 2]], [[0, 0, 256]], [[0, 0, -1]], [[0.0, 0, 0]]),
    "context_pixels": (0, 1.5, "9"),
    "presence_prior": (None, float("inf"), "1", [1]),
    "training": (None, [], {"crop": [1]}, {"crop": 9}, {"base_size": "x"}, {"base_side": 1}, {"dataset": 3}),
    "multiple_of": (0, 10**6, 32.0),
    "source": ([], {"bands": [0]}, {"bands": "1"}, {"value_range": [1]}),
    "sparkle": (1,),
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_wrong_field_is_refused_in_checkpoints_and_exported_files_alike(field: str, value: Any) -> None:
    sound = dataclasses.asdict(create_model("encnet_tiny", 2).info)
    description = {"version": 1, "info": sound, "num_classes": 2, "presence": True, "align_corners": False}
    assert Description.from_json(json.dumps(description), "model.onnx").info == ModelInfo.of(sound)
    wrong = {**sound, field: value}
    with pytest.raises(InputError, match=field) as first:
        ModelInfo.of(wrong)
    with pytest.raises(InputError, match=f"model.onnx has damaged metadata of encnet: .*{field}") as second:
        Description.from_json(json.dumps({**description, "info": wrong}), "model.onnx")
    for error in (first, second):
        assert len(str(error.value)) < 500 and "\n" not in str(error.value)
