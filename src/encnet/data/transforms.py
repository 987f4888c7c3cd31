"""Joint transforms of image and label map, from torchvision.transforms.v2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from encnet.data.labels import IGNORE


def training_transform(
    crop: tuple[int, int],
    mean: Sequence[float],
    std: Sequence[float],
    *,
    scale: tuple[float, float] = (0.5, 2.0),
    rotation: float = 10.0,
    flip: bool = True,
    jitter: float = 0.0,
    base_size: int | None = None,
    base_side: Literal["long", "short"] = "long",
    max_class_share: float = 1.0,
    photometric: bool = False,
    blur: float = 0.0,
) -> v2.Compose:
    """The published augmentation: scale, crop, rotate, flip, change colours, normalise.

    What a crop or a rotation adds around the image has the mean colour, and is ignored in the label map.

    Args:
        crop: (height, width) in pixels of what comes out.
        mean: mean of each channel, of values in 0-1.
        std: standard deviation of each channel.
        scale: range of the factor on both sides, drawn uniformly.
        rotation: largest angle in degrees to either side.
        flip: whether half of the images are mirrored.
        jitter: strength, 0-1, of the change of brightness, contrast and saturation.
        base_size: length in pixels that a factor of 1 gives ``base_side``; None: the image's own.
        base_side: "long" or "short".
        max_class_share: as :class:`MixedCrop` has it; 1 takes every crop.
        photometric: whether :class:`PhotometricDistortion` follows.
        blur: share of the images that are blurred by a Gaussian of up to one pixel.

    Returns:
        a transform of (``tv_tensors.Image`` uint8 (3, h, w), ``tv_tensors.Mask`` uint8 (h, w)) ->
        (float32 (3, height, width), uint8 (height, width)).
    """
    fill = {tv_tensors.Image: [255 * value for value in mean], tv_tensors.Mask: IGNORE}
    steps: list[torch.nn.Module] = [
        RandomScale(scale, base_size, base_side),
        # Cropped before it is rotated, with just the margin whose corners the rotation turns away.
        MixedCrop(_margin(crop, rotation), fill, max_class_share),
    ]
    if rotation:
        rotate = v2.RandomRotation(
            rotation,  # pyright: ignore[reportArgumentType]
            interpolation=v2.InterpolationMode.BILINEAR,
            fill=fill,  # pyright: ignore[reportArgumentType]
        )
        steps += [rotate, v2.CenterCrop(list(crop))]
    if flip:
        steps.append(v2.RandomHorizontalFlip())
    if jitter:
        steps.append(v2.ColorJitter(jitter, jitter, jitter))
    if photometric:
        steps.append(PhotometricDistortion())
    if blur:
        # Seven pixels hold three standard deviations to each side.
        steps.append(v2.RandomApply([v2.GaussianBlur(7, (0.01, 1.0))], p=blur))
    return v2.Compose([*steps, *_to_network(mean, std)])


def evaluation_transform(mean: Sequence[float], std: Sequence[float], long_side: int | None = None) -> v2.Compose:
    """Normalises, and brings the image to ``long_side``; the label map keeps its size.

    Returns:
        a transform as :func:`training_transform`'s, whose two outputs differ in size where ``long_side`` is given.
    """
    return v2.Compose([*([ResizeImage(long_side)] if long_side else []), *_to_network(mean, std)])


class RandomScale(v2.Transform):
    """Scales image and label map by one factor, drawn uniformly from ``scale``.

    Args:
        scale: range of the factor.
        base_size: length in pixels that a factor of 1 gives ``base_side``; None: the image's own.
        base_side: "long" or "short".
    """

    def __init__(
        self,
        scale: tuple[float, float],
        base_size: int | None = None,
        base_side: Literal["long", "short"] = "long",
    ) -> None:
        super().__init__()
        self.scale = scale
        self.base_size = base_size
        self.base_side = base_side

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = flat_inputs[0].shape[-2:]
        factor = torch.empty(()).uniform_(*self.scale).item()
        if self.base_size is not None:
            factor *= self.base_size / (max if self.base_side == "long" else min)(height, width)
        return {"size": [max(1, round(height * factor)), max(1, round(width * factor))]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, tv_tensors.Mask):  # torchvision resizes every Mask to the nearest pixel
            return functional.resize(inpt, params["size"])
        return functional.resize(inpt, params["size"], antialias=True)


class MixedCrop(v2.RandomCrop):
    """A random crop, filled up where the image is smaller, that is not of (almost) one class alone.

    While one class has ``max_class_share`` of the crop's labelled pixels or more, or nothing is labelled, another is
    drawn, up to ten times (``cat_max_ratio`` of MMSegmentation).
    """

    _DRAWS = 10

    def __init__(self, size: tuple[int, int], fill: dict[type, Any], max_class_share: float) -> None:
        super().__init__(size, pad_if_needed=True, fill=fill)  # pyright: ignore[reportArgumentType]
        self.max_class_share = max_class_share

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        params = super().make_params(flat_inputs)
        if self.max_class_share < 1:
            label = next(inpt for inpt in flat_inputs if isinstance(inpt, tv_tensors.Mask)).as_subclass(Tensor)
            for _ in range(self._DRAWS - 1):
                if self._is_mixed(label, params):
                    break
                params = super().make_params(flat_inputs)
        return params

    def _is_mixed(self, label: Tensor, params: dict[str, Any]) -> bool:
        left, top = params["left"] - params["padding"][0], params["top"] - params["padding"][1]
        rows = slice(max(0, top), max(0, top + params["height"]))
        columns = slice(max(0, left), max(0, left + params["width"]))
        crop = label[rows, columns]
        pixels = crop[crop != IGNORE].bincount().tolist()  # Python's numbers: a tensor would round the share
        return bool(pixels) and max(pixels) < self.max_class_share * sum(pixels)


class PhotometricDistortion(v2.RandomPhotometricDistort):
    """Brightness by ±1/8, contrast and saturation by 0.5 to 1.5, hue by ±1/10 of its circle, each with probability 1/2.

    The ranges are MMSegmentation's; brightness is multiplied here and added there, and colours keep their channels.
    """

    def __init__(self) -> None:
        super().__init__(hue=(-0.1, 0.1))

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {**super().make_params(flat_inputs), "channel_permutation": None}


class ResizeImage(v2.Transform):
    """Brings the long side of the image to ``long_side`` pixels; leaves the label map alone."""

    _transformed_types = (tv_tensors.Image,)

    def __init__(self, long_side: int) -> None:
        super().__init__()
        self.long_side = long_side

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        height, width = inpt.shape[-2:]
        factor = self.long_side / max(height, width)
        return functional.resize(inpt, [max(1, round(height * factor)), max(1, round(width * factor))], antialias=True)


def _margin(crop: tuple[int, int], rotation: float) -> tuple[int, int]:
    """The size whose rotation by ``rotation`` degrees still covers ``crop``."""
    height, width = crop
    angle = math.radians(min(rotation, 45.0))
    return (
        math.ceil(height * math.cos(angle) + width * math.sin(angle)),
        math.ceil(width * math.cos(angle) + height * math.sin(angle)),
    )


def _to_network(mean: Sequence[float], std: Sequence[float]) -> list[torch.nn.Module]:
    return [
        v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True),  # pyright: ignore[reportArgumentType]
        v2.Normalize(list(mean), list(std)),
        ToPlainTensor(),
    ]


class ToPlainTensor(v2.Transform):
    """Drops the tv_tensor types, which nothing after the transforms needs."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        return inpt.as_subclass(Tensor)
