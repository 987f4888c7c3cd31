"""Parts of a network: which of them the options build, and pretrained backbones."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from encnet.model.build import build_parts
from encnet.model.heads import HEADS
from encnet.model.network import Network
from encnet.model.options import ModelOptions
from encnet.model.variants import variant_options
from encnet.system.errors import InputError

SMALL: dict[str, Any] = {"head_channels": 8, "num_codes": 4, "aux_channels": 8}


@pytest.mark.parametrize("options", [{"context": False}, {"se": False}, {"aux": False}, {"lateral": True}])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_options_combine(options: dict[str, bool], output_stride: int) -> None:
    torch.manual_seed(0)
    settings = variant_options("encnet_tiny", output_stride=output_stride, detail_channels=(8, 4), **options)
    output = Network.from_options(settings, 5)(torch.randn(2, 3, 64, 96))
    assert output.logits.shape == (2, 5, 64, 96)
    assert (output.presence is None) == (not options.get("context", True) or not options.get("se", True))
    assert (output.aux_logits is None) == (not options.get("aux", True))


@pytest.mark.parametrize("head", HEADS)
def test_optional_parts_are_built_on_request(head: str) -> None:
    options: dict[str, Any] = {"backbone": "resnet18", "head": head, **SMALL}
    without = build_parts(ModelOptions(**options, aux=False), 3)
    assert without.neck is None and without.aux_head is None and without.stage3_head is None
    parts = build_parts(ModelOptions(**options, aux=True, stage3_se=True, jpu=True, output_stride=32), 3)
    assert parts.neck is not None and parts.aux_head is not None and parts.stage3_head is not None


@pytest.mark.parametrize("num_classes", [0, 65536])
def test_number_of_classes_is_from_1_to_65535(num_classes: int) -> None:
    message = f"num_classes is {num_classes}; it must be a whole number from 1 to 65535"
    with pytest.raises(InputError, match=message) as error:
        build_parts(ModelOptions(), num_classes)
    assert error.value.argument == "num_classes"
