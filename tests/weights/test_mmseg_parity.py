"""The same weights and images give the same logits here and in MMSegmentation.

The expected logits are those that the real MMSegmentation wrote; tests/fixtures/mmseg/README.md says how.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from formula import images, tensor
from safetensors import safe_open
from torch import Tensor

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.weights import mmseg
from encnet.weights.sources import Answers, ForeignFile

LOGITS = Path(__file__).parents[1] / "fixtures/mmseg/logits.safetensors"

with safe_open(LOGITS, "pt") as opened:
    SETTINGS = json.loads(opened.metadata()["settings"])


def difference(found: Tensor | None, expected: Tensor) -> float:
    """The largest difference, relative to the largest expected value."""
    assert found is not None
    assert found.shape == expected.shape
    return ((found - expected).abs().max() / expected.abs().max()).item()


def test_the_fixture_covers_what_the_keys_can_say() -> None:
    cases = SETTINGS["cases"].values()
    for option in ("depth", "lateral", "align_corners", "jpu"):
        assert len({case[option] for case in cases}) == 2


@pytest.mark.parametrize("name", SETTINGS["cases"])
def test_logits_are_those_that_mmsegmentation_wrote(name: str, as_mmseg: Callable[[EncNet], dict[str, Tensor]]) -> None:
    case: dict[str, Any] = SETTINGS["cases"][name]
    neck: dict[str, Any] = {"output_stride": 32, "backbone_dilations": (2, 4), "jpu": True} if case["jpu"] else {}
    with torch.device("meta"):
        names = as_mmseg(
            create_model(f"encnet_resnet{case['depth']}", SETTINGS["classes"], lateral=case["lateral"], **neck)
        )
    state = {key: tensor(key, tuple(place.shape)) for key, place in names.items()}
    conversion = mmseg.convert(ForeignFile(LOGITS, state), Answers(align_corners=case["align_corners"]))
    assert not conversion.unknown
    options = {key: setting.value for key, setting in conversion.settings.items()}
    model = create_model(conversion.variant, **options).eval()
    model.load_state_dict(conversion.tensors)
    with torch.inference_mode():
        output = model(images(SETTINGS["height"], SETTINGS["width"]), auxiliary=True)
    assert output.aux_logits is not None
    every = (..., slice(None, None, SETTINGS["step"]), slice(None, None, SETTINGS["step"]))
    with safe_open(LOGITS, "pt") as file:
        assert difference(output.logits[every], file.get_tensor(f"{name}.logits")) < 1e-4
        assert difference(output.presence, file.get_tensor(f"{name}.presence")) < 1e-4
        assert difference(output.aux_logits[every], file.get_tensor(f"{name}.aux_logits")) < 1e-4
