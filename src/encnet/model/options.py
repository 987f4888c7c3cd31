"""The options of a network, defined once for the builder, the command line, recipes and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from encnet.model.schema import OPTIONS
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.rules import check_fields

RENAMED: dict[str, str] = {"full_resolution": "head: 'fullres' instead of true, 'enc' instead of false"}
"""Option of an earlier version -> its replacement."""


@dataclass(frozen=True)
class ModelOptions:
    """The options of a network. A variant is a choice of these.

    Raises:
        InputError: an option has another type or range than :data:`encnet.model.schema.OPTIONS` says, or two options
            do not fit each other.
    """

    backbone: str = "resnet50c"
    """A timm model that supports features_only and output_stride, or FAMILY:NAME of another family of backbones."""
    backbone_options: dict[str, Any] | None = None
    """Further arguments of the backbone's constructor, numbers above all: layers, channels, stem_width, ..."""
    output_stride: Literal[8, 16, 32] = 8
    """Stride of stage 4 in input pixels: with 8, stages 3 and 4 are dilated."""
    backbone_dilations: list[int] | None = None
    """Dilations of stages 3 and 4 of a ResNet; by default they follow from output_stride."""
    whole_stage_dilation: bool = False
    """Dilate the first block of stages 3 and 4 of a ResNet like the others, as PaddleSeg does."""
    recompute_stages: Literal[0, 1, 2, 3, 4] = 0
    """Number of stages that training computes twice to save memory, counted from the first; for ResNet, EfficientNet
    and MobileNet V3."""
    jpu: bool = False
    """Joint Pyramid Upsampling between backbone and head, which raises stage 4 to the resolution of stage 2."""
    head: str = "enc"
    """Head: enc (of the paper) or fullres (of the tutorial form, which classifies at full resolution)."""
    head_channels: int = 512
    """Number of channels of the head and of each convolution of the JPU."""
    num_codes: int = 32
    """Number of codewords of each Encoding layer."""
    conv_in_kernel: Literal[1, 3] = 3
    """Kernel size of the head's first convolution."""
    lateral: bool = False
    """Fuse stages 2 and 3 before the encoding."""
    detail_channels: list[int] | None = None
    """Channels of up to two refinements before the classifier: the first fuses stage 1 (stride 4), the second the stem
    (stride 2)."""
    context: bool = True
    """Use the Context Encoding Module; false gives the FCN baseline."""
    se: bool = True
    """Use an SE branch on stage 4, which predicts the presence of each class."""
    stage3_se: bool = False
    """Use a second Encoding layer, with its own SE branch, on stage 3."""
    aux: bool = True
    """Use an auxiliary FCN head on stage 3."""
    aux_channels: int = 256
    """Number of channels of the auxiliary head."""
    dropout: float = 0.1
    """Probability of dropping a channel before a classifier."""
    align_corners: bool = False
    """Align the corner pixels in every bilinear interpolation, as PyTorch's align_corners."""
    presence_loss: Literal["bce", "mse"] = "bce"
    """SE-loss: bce (of the paper; presence holds logits) or mse (presence holds estimates of 0 or 1)."""
    in_channels: int = 3
    """Number of channels of the images."""
    mean: tuple[float, ...] | None = None
    """Mean of each input channel, for values in 0-1; by default the one that the weights of the backbone expect."""
    std: tuple[float, ...] | None = None
    """Standard deviation of each input channel, for values in 0-1; by default as the weights of the backbone expect."""

    def __post_init__(self) -> None:
        for name in ("backbone_dilations", "detail_channels"):  # lists, as JSON has them
            value = getattr(self, name)
            if isinstance(value, list | tuple):
                object.__setattr__(self, name, list(value) or None)
        check_fields({name: getattr(self, name) for name in OPTIONS}, OPTIONS)
        one_each = f"one value for each of the {self.in_channels} input channels"
        require(self.mean is None or len(self.mean) == self.in_channels, "mean", self.mean, one_each)
        require(self.std is None or len(self.std) == self.in_channels, "std", self.std, one_each)

    @classmethod
    def of(cls, numbers: Mapping[str, Any], source: str) -> ModelOptions:
        """Returns the options with some values that differ from the defaults.

        Args:
            numbers: option name -> value.
            source: source of the values, for the message: a variant, or the path of a checkpoint.

        Raises:
            InputError: an option does not exist, or is out of range.
        """
        names = [field.name for field in fields(cls)]
        for name in numbers:
            if name in RENAMED:
                raise InputError(f"{source}: the option {name!r} is now {RENAMED[name]}", name)
            if name not in names:
                raise InputError(f"{source} has no option {name!r}; its options are {', '.join(names)}", name)
        return cls(**numbers)

    def to_dict(self) -> dict[str, Any]:
        """Returns the options as JSON types, without mean and std, which checkpoints store separately."""
        return {name: value for name, value in asdict(self).items() if name not in ("mean", "std")}
