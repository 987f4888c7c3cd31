"""The library's decoders as heads compute what the library's networks compute."""

from __future__ import annotations

from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F

from benchmarks import rival_heads
from benchmarks.accuracy_networks import CHANGES
from encnet.checkpoint.create import create_model


@pytest.mark.parametrize("name", list(rival_heads.STRIDES))
def test_head_equals_the_network_of_the_library(name: str) -> None:
    rival_heads.register()
    torch.manual_seed(0)
    ours: Any = create_model("encnet_lite0", 5, aux=False, **CHANGES[f"smp {name}"]["model"]).eval()
    further: dict[str, Any] = {}
    if name == "PSPNet":  # which the library cannot dilate: both are undilated here
        further = {"encoder_depth": 5, "upsampling": 32}
        ours = create_model(
            "encnet_lite0", 5, aux=False, **{**CHANGES["smp PSPNet"]["model"], "output_stride": 32}
        ).eval()
    library = getattr(smp, name)("tu-tf_efficientnet_lite0", encoder_weights=None, classes=5, **further).eval()
    library.encoder.model.load_state_dict(ours.backbone.network.state_dict())
    library.decoder.load_state_dict(ours.head.decoder.state_dict())
    convolution = next(module for module in library.segmentation_head.modules() if isinstance(module, torch.nn.Conv2d))
    convolution.load_state_dict(ours.head.classifier.state_dict())
    images = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        logits = ours(images, full_size=False).logits
        upsampled = F.interpolate(logits, (64, 96), mode="bilinear", align_corners=True)
        expected = library(images)
    assert expected.shape == upsampled.shape
    assert torch.allclose(expected, upsampled, atol=1e-4)
