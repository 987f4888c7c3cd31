"""Every setting of a training run. The docstrings of the fields are also the help of the command line."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from encnet.losses.options import LossOptions
from encnet.model.options import ModelOptions
from encnet.system.checks import require
from encnet.training.model_changes import ModelChanges


@dataclass
class ModelConfig(ModelChanges):
    """The network: a variant, and every model option. An option that is None keeps the variant's value."""

    variant: str = "encnet_lite0"
    """The variant to build."""
    pretrained: str | None = None
    """Initial weights of the backbone: none, "timm" (downloaded), "package" (encnet_lite0), or the path of a file."""
    scale_context: bool = False
    """When predicting, scale the sums of the Encoding layer over an image to the size of a training crop."""

    if TYPE_CHECKING:

        def __init__(
            self, *, variant: str = ..., pretrained: str | None = ..., scale_context: bool = ..., **options: Any
        ) -> None: ...

    def changes(self) -> dict[str, Any]:
        """Returns the options that are set, as arguments of ``create_model``."""
        options = {field.name: getattr(self, field.name) for field in fields(ModelOptions)}
        return {name: value for name, value in options.items() if value is not None}


@dataclass
class DataConfig:
    """How images are read and augmented."""

    format: str | None = None
    """Format of the data set; none detects it."""
    train: str = "train"
    """Split to train on."""
    val: str = "val"
    """Split to validate on."""
    batch_size: int = 8
    """Images per batch and device."""
    workers: int | None = None
    """Processes that read images for each device; none is one per core, less one for training, at most eight."""
    crop: tuple[int, int] = (480, 480)
    """Height and width of training crops, in pixels."""
    scale: tuple[float, float] = (0.5, 2.0)
    """Range of the random scale."""
    base_size: int | None = None
    """Length in pixels of one side of a training image at a random scale of 1; none keeps its own length."""
    base_side: Literal["long", "short"] = "long"
    """The side that base_size gives the length of."""
    long_side: int | None = None
    """Length in pixels to which the long side of each image is resized first, also when predicting."""
    half_share: float = 0.0
    """Share of the steps, from the first, at half the resolution: crops show the same areas with a quarter of the
    pixels, and a step takes about a quarter of the time."""
    max_class_share: float = 1.0
    """Draw a crop again, up to ten times, while one class has at least this share of its labelled pixels."""
    rotation: float = 10.0
    """Largest random rotation to either side, in degrees."""
    flip: bool = True
    """Mirror half of the images."""
    jitter: float = 0.3
    """Strength of the random colour changes, 0 to 1."""
    photometric: bool = False
    """Also change brightness, contrast, saturation and hue, each in half of the images, as MMSegmentation does."""
    blur: float = 0.0
    """Share of the images that are slightly blurred, 0 to 1."""

    def __post_init__(self) -> None:
        require(self.batch_size >= 1, "data.batch_size", self.batch_size, "at least 1")
        require(self.workers is None or self.workers >= 0, "data.workers", self.workers, "at least 0")
        require(min(self.crop) >= 16, "data.crop", self.crop, "at least 16 pixels high and wide")
        require(0 < self.scale[0] <= self.scale[1], "data.scale", self.scale, "two positive factors, the smaller first")
        require(0 <= self.half_share < 1, "data.half_share", self.half_share, "at least 0 and less than 1")
        halves = self.half_share == 0 or min(self.crop) >= 32
        require(halves, "data.crop", self.crop, "at least 32 pixels high and wide with data.half_share")
        require(0 <= self.rotation <= 45, "data.rotation", self.rotation, "from 0 to 45 degrees")
        require(0 <= self.jitter <= 1, "data.jitter", self.jitter, "from 0 to 1")
        require(0 <= self.blur <= 1, "data.blur", self.blur, "from 0 to 1")
        require(0 < self.max_class_share <= 1, "data.max_class_share", self.max_class_share, "above 0 and at most 1")
        for name in ("base_size", "long_side"):
            length = getattr(self, name)
            require(length is None or length >= 16, f"data.{name}", length, "at least 16 pixels")


@dataclass
class OptimizerConfig:
    """The optimiser and its schedule: linear warm-up, then (lr - min_lr) * (1 - step / steps) ** power + min_lr."""

    name: Literal["sgd", "adamw"] = "adamw"
    """SGD with momentum 0.9, as published, or AdamW."""
    lr: float = 5e-4
    """Learning rate of the backbone."""
    head_lr_factor: float = 10.0
    """Learning rate of the head, as a multiple of the backbone's."""
    lr_batch: int | None = None
    """Images per step, over all devices, for which lr is meant; lr is scaled in proportion to the actual number."""
    weight_decay: float = 1e-4
    """Weight decay."""
    power: float = 0.9
    """Exponent of the schedule."""
    min_lr: float = 0.0
    """Learning rate at the end of the schedule, for backbone and head alike."""
    warmup_steps: int = 50
    """Steps over which the learning rate rises from near 0."""
    clip_norm: float = 0.0
    """Largest norm of the gradient; 0 disables clipping."""
    frozen_stages: Literal[0, 1, 2, 3, 4] = 0
    """Stages of the backbone, with the stem and counted from it, that keep their weights and batch-norm statistics:
    steps are faster, since nothing is differentiated there. For ResNet, EfficientNet and MobileNet V3."""
    accumulate: int = 1
    """Batches whose gradients are accumulated for one step."""

    def __post_init__(self) -> None:
        require(self.lr > 0, "optimizer.lr", self.lr, "positive")
        require(self.head_lr_factor > 0, "optimizer.head_lr_factor", self.head_lr_factor, "positive")
        require(self.lr_batch is None or self.lr_batch >= 1, "optimizer.lr_batch", self.lr_batch, "at least 1")
        require(0 <= self.min_lr < self.lr, "optimizer.min_lr", self.min_lr, f"at least 0 and less than lr {self.lr}")
        require(self.weight_decay >= 0, "optimizer.weight_decay", self.weight_decay, "at least 0")
        require(self.warmup_steps >= 0, "optimizer.warmup_steps", self.warmup_steps, "at least 0")
        require(self.clip_norm >= 0, "optimizer.clip_norm", self.clip_norm, "at least 0")
        require(0 <= self.frozen_stages <= 4, "optimizer.frozen_stages", self.frozen_stages, "from 0 to 4")
        require(self.accumulate >= 1, "optimizer.accumulate", self.accumulate, "at least 1")


@dataclass
class TrainConfig:
    """All settings of a training run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossOptions = field(default_factory=LossOptions)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    initial: str | None = None
    """Checkpoint to start from instead of model.variant; its classifiers start anew if the classes differ."""
    epochs: int = 60
    """Passes over all training images."""
    steps: int | None = None
    """Steps of the optimiser, instead of epochs."""
    minutes: float | None = None
    """Minutes that the run may take, instead of epochs or steps: a few steps are measured first, and the schedule ends
    with the minutes."""
    largest_batch: bool = False
    """Train with the largest batch that fits into memory, instead of data.batch_size; a few steps are tried first."""
    validate_every: int = 1
    """Epochs from one validation to the next."""
    save_every_minutes: float = 10.0
    """Minutes after which the state of the run is saved again; it is also saved at each validation."""
    grace_seconds: float | None = None
    """Seconds after a signal that stops the run (SIGTERM, Ctrl-C, ...) in which it may finish its step and save its
    state; then it ends anyway. None waits for the step."""
    patience: int = 0
    """Stop after this many validations without a better mean IoU; 0 never stops early."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp32"
    """Precision of the computation; weights stay fp32. auto: bf16 where the device computes it natively, else fp32."""
    compile: bool = False
    """Compile the network: minutes of compiling, then faster steps. Needs a C++ compiler on a CPU, Triton on a GPU."""
    ema: float = 0.0
    """Decay of the moving average of the weights that is validated and saved; 0 uses the weights themselves."""
    channels_last: bool = True
    """Store images and features in channels-last memory layout."""
    accelerator: str = "auto"
    """Type of device: auto, cpu, gpu, ..."""
    devices: int | Literal["auto"] = "auto"
    """Number of devices on each node."""
    nodes: int = 1
    """Number of machines."""
    seed: int = 0
    """Seed of initial weights, order and augmentation of the images, and dropout."""

    def __post_init__(self) -> None:
        require(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        require(self.steps is None or self.steps >= 1, "steps", self.steps, "at least 1")
        require(self.minutes is None or 0 < self.minutes < math.inf, "minutes", self.minutes, "a positive number")
        require(self.validate_every >= 1, "validate_every", self.validate_every, "at least 1")
        saves = 0 < self.save_every_minutes < math.inf
        require(saves, "save_every_minutes", self.save_every_minutes, "a positive number")
        grace = self.grace_seconds is None or 0 < self.grace_seconds < math.inf
        require(grace, "grace_seconds", self.grace_seconds, "a positive number")
        require(self.patience >= 0, "patience", self.patience, "at least 0")
        require(0 <= self.ema < 1, "ema", self.ema, "at least 0 and less than 1")
        require(self.nodes >= 1, "nodes", self.nodes, "at least 1")

    def batches(self, per_epoch: int) -> int:
        """Returns the number of batches of the whole run, for the number of batches of an epoch."""
        return self.epochs * per_epoch if self.steps is None else self.steps * self.optimizer.accumulate
