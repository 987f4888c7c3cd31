"""Options of a network: ranges, names, JSON types."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from encnet.model.options import RENAMED, ModelOptions
from encnet.system.errors import InputError


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("num_codes", 0, "num_codes is 0; it must be a whole number from 1 to 65536"),
        ("head_channels", 0, "head_channels is 0; it must be a whole number from 1 to 65536"),
        ("aux_channels", 0, "aux_channels is 0; it must be a whole number from 1 to 65536"),
        ("dropout", 1.0, "dropout is 1.0; it must be a number of at least 0 and below 1"),
        ("dropout", -0.1, "dropout is -0.1"),
        ("output_stride", 4, "output_stride is 4; it must be 8, 16 or 32"),
        ("conv_in_kernel", 2, "conv_in_kernel is 2; it must be 1 or 3"),
        ("recompute_stages", 5, "recompute_stages is 5; it must be a whole number from 0 to 4"),
        ("recompute_stages", -1, "recompute_stages is -1"),
        ("in_channels", 0, "in_channels is 0"),
        ("mean", (0.5,), "mean is .* one value for each of the 3 input channels"),
        ("std", (0.5,) * 4, "std is .* one value for each of the 3 input channels"),
        ("std", (0.0, 1.0, 1.0), r"std is .* each a number above 0"),
        ("detail_channels", (8, 8, 8), r"detail_channels is \[8, 8, 8\]; it must be a list of 0 to 2 values"),
        ("detail_channels", (8, 0), "detail_channels is"),
        ("presence_loss", "l1", "presence_loss is 'l1'; it must be 'bce' or 'mse'"),
        ("num_codes", 10**12, "num_codes is 1000000000000; it must be a whole number from 1 to 65536"),
        ("num_codes", True, "num_codes is True"),
        ("head_channels", "512", "head_channels is '512'"),
        ("dropout", math.nan, "dropout is nan"),
        ("mean", (math.inf, 0.0, 0.0), "mean is .*inf"),
        ("jpu", 1, "jpu is 1; it must be true or false"),
        ("backbone", ["resnet18"], r"backbone is \['resnet18'\]; it must be text"),
        ("backbone_options", [1], r"backbone_options is \[1\]; it must be a mapping"),
        ("detail_channels", 8, "detail_channels is 8; it must be a list"),
    ],
)
def test_option_out_of_range_is_refused_by_name(option: str, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        ModelOptions.of({option: value}, "test")
    assert error.value.argument == option


def test_mean_and_std_are_left_to_the_weights_unless_they_are_given() -> None:
    assert (ModelOptions(in_channels=4).mean, ModelOptions(in_channels=4).std) == (None, None)
    with pytest.raises(InputError, match="one value for each of the 4 input channels") as error:
        ModelOptions(in_channels=4, mean=(0.5,) * 3)
    assert error.value.argument == "mean"
    assert ModelOptions(in_channels=4, mean=(0.5,) * 4, std=(1.0,) * 4).in_channels == 4


def test_unknown_option_is_refused_with_the_list_of_options() -> None:
    with pytest.raises(
        InputError, match=r"my recipe has no option 'sparkle'; its options are backbone, .*std"
    ) as error:
        ModelOptions.of({"num_codes": 4, "sparkle": 1}, "my recipe")
    assert error.value.argument == "sparkle"


@pytest.mark.parametrize("option", RENAMED)
def test_renamed_option_is_refused_with_its_new_name(option: str) -> None:
    with pytest.raises(InputError, match=f"my recipe: the option '{option}' is now ") as error:
        ModelOptions.of({option: True}, "my recipe")
    assert error.value.argument == option


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"backbone": "resnet18", "backbone_options": {"layers": [1, 1, 1, 1]}, "backbone_dilations": (2, 4)},
        {"head": "fullres", "detail_channels": (), "presence_loss": "mse", "dropout": 0.0},
        {"lateral": True, "detail_channels": (48, 24), "align_corners": True},
    ],
)
def test_options_come_back_from_json(changes: dict[str, Any]) -> None:
    options = ModelOptions.of(changes, "test")
    values = json.loads(json.dumps(options.to_dict()))
    assert not {"mean", "std"} & values.keys()
    assert ModelOptions.of(values, "test") == options


@pytest.mark.parametrize("option", ["backbone_dilations", "detail_channels"])
def test_tuples_become_lists_and_empty_ones_none(option: str) -> None:
    assert getattr(ModelOptions.of({option: (2, 4)}, "test"), option) == [2, 4]
    assert getattr(ModelOptions.of({option: ()}, "test"), option) is None
