"""New models, from variants and from options."""

from __future__ import annotations

import pytest
import torch

from encnet.checkpoint.create import build_encnet, create_model
from encnet.checkpoint.encnet import EncNet
from encnet.system.errors import InputError


def test_variant_with_changed_options_is_built_in_training_mode() -> None:
    model = create_model("encnet_tiny", 3, head_channels=8)
    assert isinstance(model, EncNet) and model.training
    assert (model.num_classes, model.info.variant, model.info.options["head_channels"]) == (3, "encnet_tiny", 8)


def test_build_encnet_is_the_variant_custom() -> None:
    options = {"backbone": "resnet18", "head_channels": 8, "num_codes": 4}
    torch.manual_seed(0)
    built = build_encnet(3, **options)
    torch.manual_seed(0)
    created = create_model("custom", 3, **options)
    assert built.info == created.info
    assert all(torch.equal(a, b) for a, b in zip(built.parameters(), created.parameters(), strict=True))


def test_unknown_variant_is_refused_with_the_list_of_variants() -> None:
    with pytest.raises(InputError, match=r"encnet_lite0, .*encnet_resnet50") as error:
        create_model("encnet_resnet42", 3)
    assert error.value.argument == "variant"
