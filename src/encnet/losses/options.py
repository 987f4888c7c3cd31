"""The settings of a loss, defined once for training, its command line and its recipes."""

from __future__ import annotations

from dataclasses import dataclass

from encnet.system.checks import require
from encnet.system.rules import Rule, check_fields, number

_WEIGHT = number(0, 1e6)
_RULES: dict[str, Rule] = {
    "se_weight": _WEIGHT,
    "aux_weight": _WEIGHT,
    "jaccard_weight": _WEIGHT,
    "class_weight_power": number(0, 1),
}
"""Setting -> its rule."""


@dataclass
class LossOptions:
    """Settings of the loss.

    Raises:
        InputError: a setting is out of range, or two settings do not fit each other.
    """

    name: str = "encnet"
    """Name of the loss: encnet, or a loss that was added to LOSSES."""
    se_weight: float = 0.2
    """Weight of the SE-loss of each stage."""
    aux_weight: float = 0.4
    """Weight of the auxiliary head's loss."""
    class_weight_power: float = 0.0
    """Classes weigh (median frequency / frequency) to this power: 0 is equal weights, 1 balances fully."""
    class_weight_fade: bool = False
    """Let class_weight_power fall linearly to 0 during training: rare classes are learned early but not overestimated
    in the end."""
    hard_pixels: bool = False
    """Online hard example mining: only pixels with low confidence count."""
    jaccard_weight: float = 0.0
    """Weight of one minus the soft mean IoU, added to the cross-entropy: it weighs classes equally, not pixels."""

    def __post_init__(self) -> None:
        check_fields(vars(self), _RULES, "loss")
        fade_fits = self.class_weight_power > 0 or not self.class_weight_fade
        require(fade_fits, "loss.class_weight_fade", self.class_weight_fade, "false where class_weight_power is 0")
