"""The heads by name. A new head is a file here and an entry in :data:`HEADS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from encnet.model.backbone import Backbone
from encnet.model.head import Head
from encnet.model.heads.enc import EncHead
from encnet.model.heads.fullres import FullResolutionHead
from encnet.model.options import ModelOptions
from encnet.system.checks import require

HEADS: dict[str, Callable[[ModelOptions, int, Backbone, Sequence[int]], Head]] = {
    "enc": EncHead.from_options,
    "fullres": FullResolutionHead.from_options,
}
"""Value of the option ``head`` -> builder: (options, number of classes, backbone, channels of the head's input stages,
which come from the backbone or the JPU) -> head."""


def build_head(options: ModelOptions, num_classes: int, backbone: Backbone, channels: Sequence[int]) -> Head:
    """Builds the head that the options name; arguments as in :data:`HEADS`.

    Raises:
        InputError: the head does not exist, or an option does not fit it.
    """
    require(options.head in HEADS, "head", repr(options.head), f"one of {', '.join(HEADS)}")
    return HEADS[options.head](options, num_classes, backbone, channels)
