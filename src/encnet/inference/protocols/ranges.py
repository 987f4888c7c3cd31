"""The values that each setting of a protocol may have."""

from __future__ import annotations

from typing import Literal, get_args

from encnet.system.rules import Rule, integer, many, number, optional

Name = Literal["plain", "tiled", "mmseg", "mmseg-ms", "mmseg-slide", "pytorch-encoding", "pytorch-encoding-single"]
"""Names of protocols."""

CHOICES: dict[str, tuple[str, ...]] = {
    "name": get_args(Name),
    "mode": ("whole", "sliding", "tiled"),
    "edge": ("shift", "pad"),
    "average": ("softmax", "exp"),
    "resize": ("antialias", "bilinear", "model"),
    "absent_classes": ("leave_out", "zero"),
}
"""Setting -> its values."""

_SIDE = integer(1, 10**6)
RANGES: dict[str, Rule] = {
    "crop": optional(many(_SIDE, 2, 2)),
    "stride": number(0, 1, above=True),
    "margin": integer(0, 10**6),
    "scales": many(number(0, 100, above=True), 1, 100),
    "long_side": optional(_SIDE),
    "short_side": optional(_SIDE),
}
"""Setting -> its rule."""
