"""The memory that a step needs: counted without computing it, and compared with what is free."""

from __future__ import annotations

import pytest
import torch

from encnet.checkpoint.create import create_model
from encnet.kernels.acceleration import plain
from encnet.model.variants import variant_options
from encnet.system.errors import InputError
from encnet.system.memory import free_memory
from encnet.training.config import DataConfig, ModelConfig, TrainConfig
from encnet.training.memory_need import feature_bytes, require_step_fits, weight_bytes


def test_weights_are_those_of_the_network() -> None:
    model = create_model("encnet_tiny", 5)
    assert weight_bytes(variant_options("encnet_tiny"), 5) == 4 * sum(t.numel() for t in model.state_dict().values())


def test_features_are_those_that_a_step_keeps() -> None:
    model = plain(create_model("encnet_tiny", 5)).train()
    weights = {parameter.data_ptr() for parameter in model.parameters()}
    kept = 0

    def count(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += 0 if tensor.data_ptr() in weights else tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        model(torch.zeros(2, 3, 96, 128), full_size=False)
    assert feature_bytes(variant_options("encnet_tiny"), 5, 96, 128) == pytest.approx(kept / 2, rel=0.2)


def config(**settings: object) -> TrainConfig:
    return TrainConfig(model=ModelConfig(variant="encnet_tiny"), data=DataConfig(**settings), accelerator="cpu")  # pyright: ignore[reportArgumentType]


@pytest.mark.skipif(free_memory() is None, reason="the operating system does not say how much memory is free")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (config(batch_size=65536), r"data\.batch_size 65536 and crops of 480 x 480 .* data\.batch_size \d+ would fit"),
        (config(crop=(32768, 32768)), r"crops of 32768 x 32768 .* one crop of \d+ x \d+ would fit"),
        (
            TrainConfig(model=ModelConfig(variant="encnet_tiny", head_channels=65536), accelerator="cpu"),
            r"the network needs at least \d+ GB .* head_channels 65536",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(settings: TrainConfig, message: str) -> None:
    with pytest.raises(InputError, match=message):
        require_step_fits(settings, 5)
    require_step_fits(config(batch_size=2, crop=(64, 64)), 5)
