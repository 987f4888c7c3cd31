"""Every setting of a training run, documented once: these lines are also the ``--help`` of the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from encnet.errors import InputError


@dataclass
class ModelConfig:
    """The network. A field that is None keeps the variant's own number."""

    variant: str = "encnet_lite0"
    """Which variant to build."""
    pretrained: str | None = None
    """First weights of the backbone: none, "timm" (downloaded), "package" (encnet_lite0), or the path of a file."""
    backbone: str | None = None
    """Another timm backbone."""
    output_stride: Literal[8, 16, 32] | None = None
    """Input pixels per feature of the last stage."""
    backbone_dilations: list[int] | None = None
    """Dilations of stages 3 and 4 of a ResNet, in place of those that follow from output_stride."""
    recompute_stages: Literal[0, 1, 2, 3, 4] | None = None
    """How many stages of a ResNet or EfficientNet, from the first, training computes twice to keep less in memory."""
    jpu: bool | None = None
    """Have Joint Pyramid Upsampling between backbone and head."""
    head_channels: int | None = None
    """Width of the head."""
    num_codes: int | None = None
    """Codewords of the Encoding layer."""
    conv_in_kernel: Literal[1, 3] | None = None
    """Size of the head's first convolution."""
    full_resolution: bool | None = None
    """Have a classifier of two 3x3 convolutions at full resolution."""
    lateral: bool | None = None
    """Fuse stages 2 and 3 before the encoding."""
    detail_channels: list[int] | None = None
    """Widths of up to two refinements before the classifier, with stage 1 at stride 4 and the stem at stride 2."""
    context: bool | None = None
    """Have a Context Encoding Module; false is the FCN baseline."""
    se: bool | None = None
    """Have the SE branch on stage 4."""
    stage3_se: bool | None = None
    """Have a second Encoding layer with its own SE branch on stage 3."""
    aux: bool | None = None
    """Have the auxiliary FCN head on stage 3."""
    dropout: float | None = None
    """Probability with which a channel is dropped before the classifier."""
    align_corners: bool | None = None
    """Convention of bilinear interpolation."""
    presence_loss: Literal["bce", "mse"] | None = None
    """SE-loss: binary cross-entropy (the paper) or mean squared error."""
    scale_context: bool = False
    """In prediction, scale the sums of the Encoding layer over an image to those over a training crop."""

    def options(self) -> dict[str, Any]:
        """What is set here, as arguments of ``create_model``."""
        others = ("variant", "scale_context")
        return {name: value for name, value in vars(self).items() if name not in others and value is not None}


@dataclass
class DataConfig:
    """How images are read and changed."""

    format: str | None = None
    """How the data set lies on disk; none finds out."""
    train: str = "train"
    """Split to train on."""
    val: str = "val"
    """Split to validate on."""
    batch_size: int = 8
    """Images in a batch on each device."""
    workers: int | None = None
    """Processes that read images for each device; none is a core each, with one left for training, up to eight."""
    crop: tuple[int, int] = (480, 480)
    """Height and width of training crops, in pixels."""
    scale: tuple[float, float] = (0.5, 2.0)
    """Range of the random scale."""
    base_size: int | None = None
    """Length in pixels that a random scale of 1 gives a side of a training image; none is the length that it has."""
    base_side: Literal["long", "short"] = "long"
    """The side that base_size is the length of."""
    long_side: int | None = None
    """Length in pixels to which the long side is brought before everything else, also when predicting."""
    max_class_share: float = 1.0
    """Crops in which one class has this share of the labelled pixels, or more, are drawn anew, up to ten times."""
    rotation: float = 10.0
    """Largest random rotation to either side, in degrees."""
    flip: bool = True
    """Mirror half of the images."""
    jitter: float = 0.3
    """Strength of the random change of colours, 0 to 1."""
    photometric: bool = False
    """Also change brightness, contrast, saturation and hue each in half of the images, as MMSegmentation does."""
    blur: float = 0.0
    """Share of the images that are blurred a little, 0 to 1."""

    def __post_init__(self) -> None:
        _require(self.batch_size >= 1, "data.batch_size", self.batch_size, "at least 1")
        _require(self.workers is None or self.workers >= 0, "data.workers", self.workers, "at least 0")
        _require(min(self.crop) >= 16, "data.crop", self.crop, "at least 16 pixels high and wide")
        _require(
            0 < self.scale[0] <= self.scale[1], "data.scale", self.scale, "two positive factors, the smaller first"
        )
        _require(0 <= self.rotation <= 45, "data.rotation", self.rotation, "from 0 to 45 degrees")
        _require(0 <= self.jitter <= 1, "data.jitter", self.jitter, "from 0 to 1")
        _require(0 <= self.blur <= 1, "data.blur", self.blur, "from 0 to 1")
        _require(0 < self.max_class_share <= 1, "data.max_class_share", self.max_class_share, "above 0 and at most 1")
        for name in ("base_size", "long_side"):
            length = getattr(self, name)
            _require(length is None or length >= 16, f"data.{name}", length, "at least 16 pixels")


@dataclass
class LossConfig:
    """The loss."""

    se_weight: float = 0.2
    """Weight of the SE-loss of each stage."""
    aux_weight: float = 0.4
    """Weight of the auxiliary head's loss."""
    class_weight_power: float = 0.0
    """Classes weigh (median frequency / frequency) to this power: 0 is equal weights, 1 balances fully."""
    class_weight_fade: bool = False
    """Let that power fall linearly to 0 over the run: rare classes start quickly, and do not end too large."""
    hard_pixels: bool = False
    """Online hard example mining: only unsure pixels count."""
    jaccard_weight: float = 0.0
    """Weight of one minus the soft mean IoU, beside cross-entropy: classes count, not pixels."""

    def __post_init__(self) -> None:
        _require(self.se_weight >= 0, "loss.se_weight", self.se_weight, "at least 0")
        _require(self.aux_weight >= 0, "loss.aux_weight", self.aux_weight, "at least 0")
        _require(self.jaccard_weight >= 0, "loss.jaccard_weight", self.jaccard_weight, "at least 0")
        _require(0 <= self.class_weight_power <= 1, "loss.class_weight_power", self.class_weight_power, "from 0 to 1")
        fade_fits = self.class_weight_power > 0 or not self.class_weight_fade
        _require(fade_fits, "loss.class_weight_fade", self.class_weight_fade, "false where class_weight_power is 0")


@dataclass
class OptimizerConfig:
    """The optimiser and its schedule: linear warm-up, then (lr - min_lr) * (1 - step / steps) ** power + min_lr."""

    name: Literal["sgd", "adamw"] = "adamw"
    """SGD with momentum 0.9, as published, or AdamW."""
    lr: float = 5e-4
    """Learning rate of the backbone."""
    head_lr_factor: float = 10.0
    """The head's learning rate is this times the backbone's."""
    lr_batch: int | None = None
    """Images in a step, over all devices, that lr is meant for; with another number lr changes in proportion."""
    weight_decay: float = 1e-4
    """Weight decay."""
    power: float = 0.9
    """Exponent of the schedule."""
    min_lr: float = 0.0
    """Learning rate, of backbone and head alike, at which the schedule ends."""
    warmup_steps: int = 50
    """Steps over which the learning rate rises from near 0."""
    clip_norm: float = 0.0
    """Largest norm of the gradient; 0 does not clip."""
    accumulate: int = 1
    """Batches whose gradients are added up to one step."""

    def __post_init__(self) -> None:
        _require(self.lr > 0, "optimizer.lr", self.lr, "positive")
        _require(self.head_lr_factor > 0, "optimizer.head_lr_factor", self.head_lr_factor, "positive")
        _require(self.lr_batch is None or self.lr_batch >= 1, "optimizer.lr_batch", self.lr_batch, "at least 1")
        _require(0 <= self.min_lr < self.lr, "optimizer.min_lr", self.min_lr, f"at least 0 and less than lr {self.lr}")
        _require(self.weight_decay >= 0, "optimizer.weight_decay", self.weight_decay, "at least 0")
        _require(self.warmup_steps >= 0, "optimizer.warmup_steps", self.warmup_steps, "at least 0")
        _require(self.clip_norm >= 0, "optimizer.clip_norm", self.clip_norm, "at least 0")
        _require(self.accumulate >= 1, "optimizer.accumulate", self.accumulate, "at least 1")


@dataclass
class TrainConfig:
    """A whole run."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    initial: str | None = None
    """Checkpoint whose network and weights the run starts from, in place of model.variant; other classes start anew."""
    epochs: int = 60
    """Times that every image is seen."""
    steps: int | None = None
    """Steps of the optimiser; replaces epochs."""
    validate_every: int = 1
    """Epochs between two validations."""
    patience: int = 0
    """Stop after this many validations without a better mean IoU; 0 never does."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp32"
    """Precision of the computation; weights stay fp32. auto: bf16 where the device computes it natively, else fp32."""
    compile: bool = False
    """Compile the network: faster steps after minutes of compiling; wants a C++ compiler on a CPU, Triton on a GPU."""
    ema: float = 0.0
    """Decay of the average of weights that is validated and saved; 0 takes the weights themselves."""
    channels_last: bool = True
    """Memory layout of images and features."""
    accelerator: str = "auto"
    """Device type: auto, cpu, gpu, ..."""
    devices: int | Literal["auto"] = "auto"
    """Number of devices on each node."""
    nodes: int = 1
    """Number of machines."""
    seed: int = 0
    """Of initial weights, order and augmentation of the images, and dropout."""

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        _require(self.steps is None or self.steps >= 1, "steps", self.steps, "at least 1")
        _require(self.validate_every >= 1, "validate_every", self.validate_every, "at least 1")
        _require(self.patience >= 0, "patience", self.patience, "at least 0")
        _require(0 <= self.ema < 1, "ema", self.ema, "at least 0 and less than 1")
        _require(self.nodes >= 1, "nodes", self.nodes, "at least 1")


def _require(condition: bool, name: str, value: object, allowed: str) -> None:
    if not condition:
        raise InputError(f"{name} is {value}; it must be {allowed}")
