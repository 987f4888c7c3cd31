"""The head of the paper: resolutions, stages that it reads, options."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from encnet.model.backbone import Stages
from encnet.model.heads.enc import EncHead
from encnet.model.options import ModelOptions
from encnet.system.errors import InputError

CHANNELS = (4, 5, 6, 7, 8)
SIZES = {"stem": (16, 24), "stage1": (8, 12), "stage2": (4, 6), "stage3": (2, 3), "stage4": (2, 3)}


def random_stages() -> Stages:
    torch.manual_seed(1)
    features = (torch.randn(2, c, *size) for c, size in zip(CHANNELS, SIZES.values(), strict=True))
    return Stages(*(x.requires_grad_() for x in features))


def logits_of(head: EncHead, stages: Stages) -> Tensor:
    features, finer = head.prepare(stages)
    if head.context is not None:
        features = head.context(features).features
    return head.classify(features, finer)


@pytest.mark.parametrize(
    ("options", "context_stage", "finest", "stages_read"),
    [
        ({}, 4, "stage4", {"stage4"}),
        ({"context": False}, 4, "stage4", {"stage4"}),
        ({"lateral": True}, 2, "stage2", {"stage2", "stage3", "stage4"}),
        ({"detail_channels": [6]}, 4, "stage1", {"stage1", "stage4"}),
        ({"detail_channels": [6, 5]}, 4, "stem", {"stem", "stage1", "stage4"}),
        ({"lateral": True, "detail_channels": [6, 5]}, 2, "stem", {"stem", "stage1", "stage2", "stage3", "stage4"}),
    ],
)
def test_logits_have_the_resolution_of_the_finest_stage_that_is_read(
    options: dict[str, Any], context_stage: int, finest: str, stages_read: set[str]
) -> None:
    torch.manual_seed(0)
    head, stages = EncHead(CHANNELS, 8, 3, num_codes=4, **options), random_stages()
    assert head.context_stage == context_stage
    assert head.prepare(stages).features.shape[2:] == SIZES[f"stage{context_stage}"]
    logits = logits_of(head, stages)
    assert logits.shape == (2, 3, *SIZES[finest])
    logits.square().sum().backward()
    gradients = {name: stage.grad for name, stage in stages._asdict().items()}
    assert {name for name, gradient in gradients.items() if gradient is not None} == stages_read


def test_context_and_se_branch_are_optional() -> None:
    assert EncHead(CHANNELS, 8, 3).presence is not None
    without_se, without_context = EncHead(CHANNELS, 8, 3, se=False), EncHead(CHANNELS, 8, 3, context=False)
    assert without_se.presence is None and without_se.context is not None
    assert without_context.presence is None and without_context.context is None


def test_second_refinement_needs_features_at_stride_2() -> None:
    options = ModelOptions(backbone="convnext_atto", detail_channels=[8, 8])
    with pytest.raises(InputError, match="one width, because convnext_atto has no features at stride 2") as error:
        EncHead.from_options(options, 3, None, (0, *CHANNELS[1:]))  # pyright: ignore[reportArgumentType]
    assert error.value.argument == "detail_channels"
