"""The networks whose accuracy is compared: encnet, encnet without some of its parts, and the decoders of a library."""

from __future__ import annotations

from typing import Any

from benchmarks import rival_heads

OURS = "encnet"
"""Name of the recipe's own network."""

CHANGES: dict[str, dict[str, Any]] = {
    OURS: {},
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
"""Network -> the options in which it differs from the recipe's network; backbone and weights are the recipe's."""

RIVALS: tuple[str, ...] = (OURS, *(name for name in CHANGES if name.startswith("smp ")))
"""The networks that are compared if none are named."""
