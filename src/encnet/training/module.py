"""Lightning module: training step, validation step, and optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encnet.checkpoint.encnet import EncNet
from encnet.inference.argmax import most_probable
from encnet.inference.preprocessing import Preprocessing
from encnet.losses.loss import Loss
from encnet.losses.processes import mean_over_processes
from encnet.metrics.pixels import SegmentationMetrics
from encnet.training.config import OptimizerConfig


class TrainingModule(pl.LightningModule):
    """An EncNet with its loss and its optimiser.

    Args:
        model: the network.
        loss: the loss to minimise.
        optimizer: settings of the optimiser.
        batch_size: images per batch and device.
        seed: seed of dropout. Each step has its own random stream, so that resuming changes nothing.
        channels_last: store images and weights in channels-last memory layout.
    """

    def __init__(
        self,
        model: EncNet,
        loss: Loss,
        optimizer: OptimizerConfig,
        batch_size: int,
        seed: int = 0,
        channels_last: bool = True,
    ) -> None:
        super().__init__()
        self.memory_format: torch.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.model: EncNet = model.to(memory_format=self.memory_format)  # pyright: ignore[reportCallIssue]
        self.loss: Loss = loss
        self.optimizer_config: OptimizerConfig = optimizer
        self.batch_size: int = batch_size
        self.seed: int = seed
        for stage in self._frozen_stages():
            stage.requires_grad_(False).eval()
        self.metrics: SegmentationMetrics = SegmentationMetrics(
            model.num_classes, tuple(model.info.classes), presence=model.head.presence is not None
        )

    def train(self, mode: bool = True) -> Self:
        """As in PyTorch, but frozen stages stay in evaluation mode: their batch norms keep their statistics."""
        super().train(mode)
        for stage in self._frozen_stages():
            stage.eval()
        return self

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        torch.manual_seed((self.seed * 1_000_003 + self.global_step) * 1_009 + batch_idx * 97 + self.global_rank)
        images, labels = batch
        images = images.contiguous(memory_format=self.memory_format)
        terms = self.loss(self.model(images, full_size=False), labels)
        self.log("learning_rate", self.optimizers().param_groups[-1]["lr"])  # pyright: ignore[reportAttributeAccessIssue]
        # The terms of one process have no meaning by themselves: it divides by the labelled pixels of all.
        values = mean_over_processes(torch.stack([value.detach() for value in terms]))
        self.log_dict({f"train/{name}_loss": value for name, value in zip(terms._fields, values, strict=True)})
        return terms.total

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        data: Any = self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        counts = self.global_rank < data.validation_images
        images, labels = batch
        image_size, size = images.shape[-2:], labels.shape[-2:]  # they differ if data.long_side resized the image
        filling = Preprocessing.of(self.model.info, self.model.align_corners).filling(image_size, size)
        rows, columns = filling.size[0] - image_size[0], filling.size[1] - image_size[1]
        images = F.pad(images, (0, columns, 0, rows), mode="replicate")
        output = self.model(images.contiguous(memory_format=self.memory_format), full_size=False)
        predictions = most_probable(output.logits, filling.covered, self.model.align_corners)[:, : size[0], : size[1]]
        presence = None if output.presence is None else self.model.presence_probabilities(output.presence)
        if counts:
            self.metrics.update(predictions, labels, presence)

    def _frozen_stages(self) -> list[nn.Module]:
        # Asked for each time, because synchronised batch norm replaces modules before the run begins.
        return self.model.backbone.first_stages(self.optimizer_config.frozen_stages)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips the norm of the gradient. Lightning refuses to with fused optimisers, for the sake of fp16."""
        if gradient_clip_val:
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            nn.utils.clip_grad_norm_(parameters, gradient_clip_val)

    def configure_optimizers(self) -> Any:
        config = self.optimizer_config
        backbone = [p for p in self.model.backbone.parameters() if p.requires_grad]
        backbone_ids = {id(p) for p in backbone}
        head = [p for p in self.model.parameters() if p.requires_grad and id(p) not in backbone_ids]
        images_per_step = self.batch_size * self.trainer.world_size * config.accumulate
        backbone_lr = config.lr * (images_per_step / config.lr_batch if config.lr_batch else 1.0)
        rates = [backbone_lr, backbone_lr * config.head_lr_factor]
        groups = [{"params": params, "lr": rate} for params, rate in zip((backbone, head), rates, strict=True)]
        # On a CPU the many small tensors are updated in one call. A scaler of gradients (fp16 on a GPU) forbids that.
        fused = self.device.type == "cpu"
        optimizer = (
            torch.optim.SGD(groups, momentum=0.9, weight_decay=config.weight_decay, fused=fused)
            if config.name == "sgd"
            else torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=fused)
        )
        steps = int(self.trainer.estimated_stepping_batches)

        def schedule(rate: float) -> Callable[[int], float]:
            end = min(1.0, config.min_lr / rate)

            def factor(step: int) -> float:
                warmup = min(1.0, (step + 1) / (config.warmup_steps + 1))
                return warmup * ((1 - end) * max(0.0, 1 - step / steps) ** config.power + end)

            return factor

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, [schedule(rate) for rate in rates])
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
