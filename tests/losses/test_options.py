"""Settings of a loss: ranges."""

from __future__ import annotations

from typing import Any

import pytest

from encnet.losses.options import LossOptions
from encnet.system.errors import InputError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"se_weight": -0.1}, "loss.se_weight is -0.1; it must be a number from 0"),
        ({"aux_weight": -0.1}, "loss.aux_weight is -0.1; it must be a number from 0"),
        ({"jaccard_weight": -0.1}, "loss.jaccard_weight is -0.1; it must be a number from 0"),
        ({"class_weight_power": 1.5}, "loss.class_weight_power is 1.5; it must be a number from 0 to 1"),
        ({"class_weight_fade": True}, "loss.class_weight_fade is True; it must be false where class_weight_power is 0"),
    ],
)
def test_setting_out_of_range_is_refused_by_name(settings: dict[str, Any], message: str) -> None:
    (name,) = settings
    with pytest.raises(InputError, match=message) as error:
        LossOptions(**settings)
    assert error.value.argument == f"loss.{name}"
