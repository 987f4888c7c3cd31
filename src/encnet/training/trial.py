"""A step of a run on copies of its network and its loss: to measure time or memory before the run begins."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from encnet.checkpoint.encnet import EncNet
from encnet.data.tensors import SampleKey, SegmentationDataset
from encnet.losses.loss import Loss
from encnet.training.config import TrainConfig
from encnet.training.datamodule import TrainingData
from encnet.training.module import TrainingModule
from encnet.training.precision import resolve_precision


def trial_step(
    config: TrainConfig,
    model: EncNet,
    loss: Loss,
    data: TrainingData,
    half: bool = False,
) -> Callable[[], None]:
    """Returns a function that does a step: forward, loss, backward, optimiser. Network and loss stay as they are.

    Args:
        config: the settings of the run.
        model: the network.
        loss: its loss.
        data: the images, of which the first ones are read, once.
        half: whether the step is one at half the resolution.
    """
    device = device_of(config.accelerator)
    module = TrainingModule(
        copy.deepcopy(model), copy.deepcopy(loss), config.optimizer, config.data.batch_size, 0, config.channels_last
    )
    module.to(device).train()
    samples = data.train_dataloader().dataset
    assert isinstance(samples, SegmentationDataset)
    pairs = [samples[SampleKey(0, i % len(samples), half)] for i in range(config.data.batch_size)]
    images = torch.stack([image for image, _ in pairs]).to(device).contiguous(memory_format=module.memory_format)
    labels = torch.stack([label for _, label in pairs]).to(device)
    parameters = [parameter for parameter in module.model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.0, fused=device.type == "cpu")
    precision = resolve_precision(config.precision, config.accelerator)
    half_float = torch.float16 if precision == "fp16" else torch.bfloat16

    def step() -> None:
        for _ in range(config.optimizer.accumulate):
            with torch.autocast(device.type, half_float, enabled=precision != "fp32"):
                total: Tensor = module.loss(module.model(images, full_size=False), labels).total
            total.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def device_of(accelerator: str) -> torch.device:
    """The device that Lightning chooses for ``accelerator``: for "auto" a GPU if there is one."""
    available = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return torch.device("cpu") if accelerator == "cpu" or available is None else available
