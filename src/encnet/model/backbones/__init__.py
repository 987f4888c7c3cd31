"""The backbones by family. A new family is a file here and an entry in :data:`FAMILIES`."""

from __future__ import annotations

from collections.abc import Callable

from encnet.model.backbone import Backbone
from encnet.model.backbones.timm_backbone import DilatedBackbone
from encnet.model.options import ModelOptions
from encnet.system.checks import require

FAMILIES: dict[str, Callable[[str, ModelOptions], Backbone]] = {"timm": DilatedBackbone.from_options}
"""Name of a family -> builder: (name within the family, options) -> backbone. The option ``backbone`` is FAMILY:NAME,
or the name of a timm model."""


def build_backbone(options: ModelOptions) -> Backbone:
    """Builds the backbone that the options name.

    Raises:
        InputError: the family or the backbone does not exist, or an option does not fit it.
    """
    family, colon, name = options.backbone.partition(":")
    if not colon:
        family, name = "timm", options.backbone
    allowed = f"a timm model, or FAMILY:NAME with one of the families {', '.join(FAMILIES)}"
    require(family in FAMILIES, "backbone", repr(options.backbone), allowed)
    return FAMILIES[family](name, options)
