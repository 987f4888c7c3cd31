"""The arguments of timm's constructors that options may set: numbers, and names that timm compares but never looks up.

Options come from recipes and from checkpoints of strangers. Other arguments make timm read files, download, or import
what a name stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from encnet.system.errors import InputError
from encnet.system.rules import Rule, boolean, check_fields, integer, many, number, one_of
from encnet.system.text import quoted, shortened

_WIDTH = integer(1, 65536)
_RATE = number(0, 1, below=True)

ALLOWED: dict[str, Rule] = {
    "avg_down": boolean(),
    "base_width": _WIDTH,
    "block_reduce_first": integer(1, 64),
    "cardinality": integer(1, 1024),
    "channels": many(_WIDTH, 4, 4),
    "down_kernel_size": one_of(1, 3),
    "drop_block_rate": _RATE,
    "drop_path_rate": _RATE,
    "drop_rate": _RATE,
    "feature_location": one_of("", "bottleneck", "expansion"),
    "fix_stem": boolean(),
    "layers": many(integer(1, 100), 4, 4),
    "replace_stem_pool": boolean(),
    "se_from_exp": boolean(),
    "stem_size": _WIDTH,
    "stem_type": one_of("", "deep", "deep_tiered"),
    "stem_width": _WIDTH,
    "zero_init_last": boolean(),
}
"""Argument -> its rule."""


def require_allowed(arguments: Mapping[str, Any]) -> None:
    """Refuses arguments that are not in :data:`ALLOWED`.

    Raises:
        InputError: there is another argument, or a value is out of range.
    """
    for name in arguments:
        if name not in ALLOWED:
            raise InputError(
                f"backbone_options has {quoted(name)}, but may have only {', '.join(ALLOWED)}, so that a checkpoint"
                " cannot read other files; leave it out, and name pretrained weights by pretrained",
                "backbone_options",
            )
    try:
        check_fields(arguments, ALLOWED, "backbone_options")
    except InputError as error:
        raise InputError(shortened(str(error), 400), "backbone_options") from error
