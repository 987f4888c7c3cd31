"""Every setting of a training run. The docstrings of the fields are also the help of the command line."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from encnet.losses.options import LossOptions
from encnet.model.options import ModelOptions
from encnet.system.checks import require
from encnet.system.rules import Rule, check_fields, integer, many, number, one_of, optional
from encnet.training.model_changes import ModelChanges

_COUNT = integer(1, 2**31 - 1)
_SHARE = number(0, 1)
_LENGTH = optional(integer(16, 32768))

_DATA: dict[str, Rule] = {
    "batch_size": integer(1, 65536),
    "workers": optional(integer(0, 256)),
    "kept_megabytes": integer(0, 2**31 - 1),
    "crop": many(integer(16, 32768), 2, 2),
    "scale": many(number(0, 100, above=True), 2, 2),
    "base_size": _LENGTH,
    "long_side": _LENGTH,
    "half_share": number(0, 1, below=True),
    "max_class_share": number(0, 1, above=True),
    "rotation": number(0, 45),
    "jitter": _SHARE,
    "blur": _SHARE,
}
"""Setting of :class:`DataConfig` -> its rule."""

_OPTIMIZER: dict[str, Rule] = {
    "lr": number(0, 1e6, above=True),
    "head_lr_factor": number(0, 1e6, above=True),
    "lr_batch": optional(_COUNT),
    "weight_decay": number(0, 1e6),
    "power": number(0, 1000),
    "min_lr": number(0, 1e6),
    "warmup_steps": integer(0, 2**31 - 1),
    "clip_norm": number(0, 1e12),
    "frozen_stages": integer(0, 4),
    "accumulate": integer(1, 65536),
}
"""Setting of :class:`OptimizerConfig` -> its rule."""

_RUN: dict[str, Rule] = {
    "epochs": _COUNT,
    "steps": optional(_COUNT),
    "minutes": optional(number(0, 1e9, above=True)),
    "save_every_minutes": number(0, 1e9, above=True),
    "grace_seconds": optional(number(0, 1e9, above=True)),
    "validate_every": _COUNT,
    "patience": integer(0, 2**31 - 1),
    "ema": number(0, 1, below=True),
    "devices": Rule(
        "auto, or a whole number from 1 to 1024", lambda value: value == "auto" or integer(1, 1024).holds(value)
    ),
    "nodes": integer(1, 65536),
    "accelerator": one_of("auto", "cpu", "gpu", "cuda", "mps"),
    "seed": integer(0, 2**32 - 1),
}
"""Setting of :class:`TrainConfig` -> its rule."""


@dataclass
class ModelConfig(ModelChanges):
    """The network: a variant, and every model option. An option that is None keeps the variant's value."""

    variant: str = "encnet_lite0"
    """The variant to build."""
    pretrained: str | None = None
    """Initial weights of the backbone: none, "timm" (downloaded), "package" (encnet_lite0 and encnet_lite2), or the
    path of a file."""
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
    kept_megabytes: int = 1000
    """Memory in which each device's processes together keep decoded images for the next epoch, and a quarter of what
    is free at most; 0 reads files in every epoch."""
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
        check_fields(vars(self), _DATA, "data")
        low, high = self.scale
        require(low <= high, "data.scale", self.scale, "two positive factors, the smaller first")
        halves = self.half_share == 0 or min(self.crop) >= 32
        require(halves, "data.crop", self.crop, "at least 32 pixels high and wide with data.half_share")


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
        check_fields(vars(self), _OPTIMIZER, "optimizer")
        require(self.min_lr < self.lr, "optimizer.min_lr", self.min_lr, f"at least 0 and less than lr {self.lr}")


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
    """Type of device: auto, cpu, gpu, cuda or mps."""
    devices: int | Literal["auto"] = "auto"
    """Number of devices on each node."""
    nodes: int = 1
    """Number of machines."""
    seed: int = 0
    """Seed of initial weights, order and augmentation of the images, and dropout."""

    def __post_init__(self) -> None:
        check_fields(vars(self), _RUN)

    def batches(self, per_epoch: int) -> int:
        """Returns the number of batches of the whole run, for the number of batches of an epoch."""
        return self.epochs * per_epoch if self.steps is None else self.steps * self.optimizer.accumulate
