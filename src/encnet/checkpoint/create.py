"""Builds new models, from a variant or from options."""

from __future__ import annotations

import os
from typing import Any

from encnet.checkpoint.encnet import EncNet
from encnet.model.variants import variant_options


def create_model(
    variant: str, num_classes: int, *, pretrained: str | os.PathLike[str] | None = None, **options: Any
) -> EncNet:
    """Builds a variant, in training mode, without downloading anything unless ``pretrained="timm"``.

    Args:
        variant: one of :func:`encnet.list_models`, or "custom" for the default options.
        num_classes: number of classes, 1 to 65535.
        pretrained: weights of the backbone: None (random), "timm" (downloaded), "package" (Lite0 and Lite2), or the
            path of a weights file.
        options: fields of :class:`encnet.ModelOptions` that replace those of the variant.

    Raises:
        InputError: the variant or an option does not exist, an option is out of range, or the weights do not fit.
    """
    return EncNet.from_options(variant_options(variant, **options), num_classes, pretrained, variant)


def build_encnet(num_classes: int, **options: Any) -> EncNet:
    """Builds a network from options alone: :func:`create_model` with the variant "custom".

    Args:
        num_classes: number of classes, 1 to 65535.
        options: fields of :class:`encnet.ModelOptions`, and ``pretrained`` as in :func:`create_model`.

    Raises:
        InputError: an option does not exist or is out of range, or the weights do not fit.
    """
    return create_model("custom", num_classes, **options)
