"""Builds the parts of a network from its options."""

from __future__ import annotations

import os
from typing import NamedTuple

from encnet.model.backbone import Backbone
from encnet.model.backbones import build_backbone
from encnet.model.head import Head
from encnet.model.heads import build_head
from encnet.model.heads.auxiliary import FCNHead, PresenceHead
from encnet.model.jpu import JPU
from encnet.model.options import ModelOptions
from encnet.model.schema import NUM_CLASSES
from encnet.system.checks import require
from encnet.system.text import quoted


class Parts(NamedTuple):
    """The parts that a :class:`encnet.model.network.Network` connects, made of plain layers."""

    backbone: Backbone
    neck: JPU | None
    head: Head
    aux_head: FCNHead | None
    stage3_head: PresenceHead | None


def build_parts(options: ModelOptions, num_classes: int, pretrained: str | os.PathLike[str] | None = None) -> Parts:
    """Builds the parts, with random weights except for a pretrained backbone.

    Args:
        options: options of the network.
        num_classes: number of classes, 1 to 65535.
        pretrained: weights of the backbone: None (random), "timm" (downloaded), "package" (Lite0 and Lite2), or the
            path of a weights file.

    Raises:
        InputError: a number is out of range, an option does not fit the backbone or the head, or the weights do not
            fit the backbone.
    """
    require(NUM_CLASSES.holds(num_classes), "num_classes", quoted(num_classes), NUM_CLASSES.allowed)
    backbone = build_backbone(options)
    if pretrained is not None:
        backbone.load_pretrained(str(pretrained))
    neck = JPU(backbone.channels, options.head_channels, options.align_corners) if options.jpu else None
    head = build_head(options, num_classes, backbone, backbone.channels if neck is None else neck.channels)
    stage3, width = backbone.channels[3], options.head_channels
    aux_head = FCNHead(stage3, options.aux_channels, num_classes, options.dropout) if options.aux else None
    stage3_head = PresenceHead(stage3, width, num_classes, options.num_codes) if options.stage3_se else None
    return Parts(backbone, neck, head, aux_head, stage3_head)
