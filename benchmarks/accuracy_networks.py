"""What is compared: encnet, encnet without some of its parts or with other settings, and the decoders of a library."""

from __future__ import annotations

from typing import Any

from benchmarks import rival_heads

OURS = "encnet"
"""Name of the recipe's own network and settings."""

_OF_THE_MODEL: dict[str, dict[str, Any]] = {
    "FCN head": {"context": False},
    "without SE-loss": {"se": False},
    "SE-loss on stage 3 too": {"stage3_se": True},
    "without details": {"detail_channels": []},
    "without lateral and details": {"lateral": False, "detail_channels": []},
    "stride 16": {"output_stride": 16},
    "stride 32": {"output_stride": 32},
    "JPU": {"output_stride": 32, "lateral": False, "jpu": True},
    **{f"{number} codewords": {"num_codes": number} for number in (8, 16, 64)},
    "MSE for presence": {"presence_loss": "mse"},
    "encnet_lite1": {"variant": "encnet_lite1"},
    "encnet_lite2": {"variant": "encnet_lite2"},
    **{
        f"smp {name}": {
            "head": f"{rival_heads.PREFIX}{name}",
            "output_stride": stride,
            "lateral": False,
            "detail_channels": [],
            "context": False,
        }
        for name, stride in rival_heads.STRIDES.items()
    },
}

CHANGES: dict[str, dict[str, Any]] = {
    OURS: {},
    **{name: {"model": options} for name, options in _OF_THE_MODEL.items()},
    "own size": {"data": {"long_side": None}},
    **{f"long side {pixels}": {"data": {"long_side": pixels}} for pixels in (320, 480, 640, 800, 960)},
    "all steps at the whole resolution": {"data": {"half_share": 0.0}},
    "classes weighted alike": {"loss": {"class_weight_power": 0.0, "class_weight_fade": False}},
    "without the loss of mean IoU": {"loss": {"jaccard_weight": 0.0}},
    "all stages trained": {"optimizer": {"frozen_stages": 0}},
    "without averaged weights": {"ema": 0.0},
}
"""Name -> the settings, nested as in a recipe, in which it differs; all others are the recipe's."""

RIVALS: tuple[str, ...] = (OURS, *(name for name in CHANGES if name.startswith("smp ")))
"""The networks that are compared if none are named."""
