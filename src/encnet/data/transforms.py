"""Joint transforms of image and label map, from torchvision.transforms.v2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from encnet.data.labels import IGNORE
from encnet.data.scaled_crop import RandomScaledCrop


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
        max_class_share: as :class:`RandomScaledCrop` has it; 1 takes every crop.
        photometric: whether :class:`PhotometricDistortion` follows.
        blur: share of the images that are blurred by a Gaussian of up to one pixel.

    Returns:
        a transform of (``tv_tensors.Image`` uint8 (3, h, w) or Pillow's RGB image, ``tv_tensors.Mask`` uint8 (h, w)) ->
        (float32 (3, height, width), uint8 (height, width)).
    """
    fill = [round(255 * value) for value in mean]
    # Cropped before it is rotated, with just the margin whose corners the rotation turns away. What comes out of the
    # crop is a Pillow image, whose colours Pillow changes several times faster than tensors are changed.
    steps: list[torch.nn.Module] = [
        RandomScaledCrop(_margin(crop, rotation), fill, scale, base_size, base_side, max_class_share)
    ]
    if rotation:
        steps.append(RandomRotation(rotation, crop, fill))
    if flip:
        steps.append(v2.RandomHorizontalFlip())
    if jitter:
        steps.append(v2.ColorJitter(jitter, jitter, jitter))
    if photometric:
        steps.append(PhotometricDistortion())
    steps.append(v2.ToImage())
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


class RandomRotation(v2.Transform):
    """Turns image and label map by one angle, drawn uniformly, and cuts out their middle.

    Args:
        degrees: largest angle to either side.
        size: (height, width) of the middle, in pixels. What comes in should be larger by the :func:`_margin` that the
            rotation turns away.
        fill: colour, 0-255, of what is turned in from outside; in the label map it is ignored.
    """

    _transformed_types = (Image.Image, tv_tensors.Mask)

    def __init__(self, degrees: float, size: tuple[int, int], fill: Sequence[int]) -> None:
        super().__init__()
        self.degrees = degrees
        self.size = size
        self.fill = tuple(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"angle": torch.empty(()).uniform_(-self.degrees, self.degrees).item()}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, tv_tensors.Mask):
            label = Image.fromarray(inpt.numpy())
            turned = self._turned(label, params["angle"], Image.Resampling.NEAREST, IGNORE)
            return tv_tensors.Mask(functional.pil_to_tensor(turned)[0])
        return self._turned(inpt, params["angle"], Image.Resampling.BILINEAR, self.fill)

    def _turned(
        self, image: Image.Image, angle: float, resample: Image.Resampling, fill: int | tuple[int, ...]
    ) -> Image.Image:
        """One pass from what came in to the middle: point p of it is at c + R (p - m), c and m being both centres."""
        height, width = self.size
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        x = image.width / 2 - cos * width / 2 + sin * height / 2
        y = image.height / 2 - sin * width / 2 - cos * height / 2
        matrix = (cos, -sin, x, sin, cos, y)
        return image.transform((width, height), Image.Transform.AFFINE, matrix, resample, fillcolor=fill)


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
        v2.Normalize(list(mean), list(std), inplace=True),  # of the floats that were just made
        ToPlainTensor(),
    ]


class ToPlainTensor(v2.Transform):
    """Drops the tv_tensor types, which nothing after the transforms needs."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        return inpt.as_subclass(Tensor)
