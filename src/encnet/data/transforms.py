"""Joint transforms of image and label map, built on torchvision.transforms.v2."""

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

from encnet.data.class_indices import ignore_in
from encnet.data.pixels import fill_of
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

    Pixels that a crop or a rotation adds around the image get the mean colour, and are ignored in the label map. Three
    bands are treated as RGB. Of images with another number of bands, only brightness and contrast change: saturation
    and hue are properties of colours.

    Args:
        crop: (height, width) of the output, in pixels.
        mean: mean of each of the C bands, for values in 0-1.
        std: standard deviation of each band.
        scale: range of the scale factor, which is drawn uniformly.
        rotation: largest angle in degrees to either side.
        flip: whether half of the images are mirrored.
        jitter: strength, 0-1, of the change of brightness, contrast and saturation.
        base_size: length of ``base_side`` in pixels at scale factor 1; None: the image's own.
        base_side: "long" or "short".
        max_class_share: as for :class:`RandomScaledCrop`; 1 accepts every crop.
        photometric: whether to apply :class:`PhotometricDistortion`.
        blur: share of the images to blur, with a Gaussian whose standard deviation is up to one pixel.

    Returns:
        a transform of (``tv_tensors.Image`` uint8 (C, h, w) or Pillow RGB image, ``tv_tensors.Mask`` uint8 or int32 (h,
        w)) -> (float32 (C, height, width), label map of the same type (height, width)).
    """
    fill = fill_of(mean)
    # The crop comes before the rotation, with just enough margin for the corners that the rotation cuts off. Of an
    # RGB image it returns a Pillow image, whose colours Pillow changes several times faster than torchvision.
    steps: list[torch.nn.Module] = [
        RandomScaledCrop(_margin(crop, rotation), fill, scale, base_size, base_side, max_class_share)
    ]
    if rotation:
        steps.append(RandomRotation(rotation, crop, fill))
    if flip:
        steps.append(v2.RandomHorizontalFlip())
    rgb = len(mean) == 3
    if jitter:
        change = (1 - jitter, 1 + jitter)
        steps.append(v2.ColorJitter(jitter, jitter, jitter) if rgb else BandJitter(change, change))
    if photometric:
        steps.append(PhotometricDistortion() if rgb else BandJitter((0.875, 1.125), (0.5, 1.5), p=0.5))
    steps.append(v2.ToImage())
    if blur:
        # Seven pixels cover three standard deviations to each side.
        steps.append(v2.RandomApply([v2.GaussianBlur(7, (0.01, 1.0))], p=blur))
    return v2.Compose([*steps, *_to_network(mean, std)])


def evaluation_transform(mean: Sequence[float], std: Sequence[float], long_side: int | None = None) -> v2.Compose:
    """Normalises the image after resizing its long side to ``long_side`` pixels; the label map keeps its size.

    Returns:
        a transform like that of :func:`training_transform`; its outputs differ in size if ``long_side`` is given.
    """
    return v2.Compose([*([ResizeImage(long_side)] if long_side else []), *_to_network(mean, std)])


class RandomRotation(v2.Transform):
    """Rotates image and label map by one angle, drawn uniformly, and cuts out the centre.

    Args:
        degrees: largest angle to either side.
        size: (height, width) of the output, in pixels. The input should be larger by the :func:`_margin` that the
            rotation cuts off.
        fill: byte of each band for pixels from outside the image; they are ignored in the label map.
    """

    _transformed_types = (Image.Image, tv_tensors.Image, tv_tensors.Mask)

    def __init__(self, degrees: float, size: tuple[int, int], fill: Sequence[int]) -> None:
        super().__init__()
        self.degrees = degrees
        self.size = size
        self.fill: tuple[int, ...] = tuple(fill)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {"angle": torch.empty(()).uniform_(-self.degrees, self.degrees).item()}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, tv_tensors.Mask):
            label = Image.fromarray(inpt.numpy())
            rotated = self._rotate(label, params["angle"], Image.Resampling.NEAREST, ignore_in(inpt))
            return tv_tensors.Mask(functional.pil_to_tensor(rotated)[0])
        if isinstance(inpt, Tensor):  # each band as a grey image
            bands = (
                self._rotate(Image.fromarray(band.numpy()), params["angle"], Image.Resampling.BILINEAR, byte)
                for band, byte in zip(inpt.as_subclass(Tensor), self.fill, strict=True)
            )
            return tv_tensors.Image(torch.cat([functional.pil_to_tensor(band) for band in bands]))
        return self._rotate(inpt, params["angle"], Image.Resampling.BILINEAR, self.fill)

    def _rotate(
        self, image: Image.Image, angle: float, resample: Image.Resampling, fill: int | tuple[int, ...]
    ) -> Image.Image:
        """One affine pass: output point p samples the input at c + R (p - m), with c and m the centres of the two."""
        height, width = self.size
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        x = image.width / 2 - cos * width / 2 + sin * height / 2
        y = image.height / 2 - sin * width / 2 - cos * height / 2
        matrix = (cos, -sin, x, sin, cos, y)
        return image.transform((width, height), Image.Transform.AFFINE, matrix, resample, fillcolor=fill)


class PhotometricDistortion(v2.RandomPhotometricDistort):
    """Brightness by ±1/8, contrast and saturation by 0.5 to 1.5, hue by ±1/10 of its circle, each with probability 1/2.

    The ranges are MMSegmentation's. But brightness is a factor, not an offset, and channels keep their order.
    """

    def __init__(self) -> None:
        super().__init__(hue=(-0.1, 0.1))

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {**super().make_params(flat_inputs), "channel_permutation": None}


class BandJitter(v2.Transform):
    """Multiplies brightness, then contrast, by random factors, for images of any bands, uint8 (C, H, W).

    Contrast is the difference from the mean of each band. Values are limited to 0-255.

    Args:
        brightness: range of the factor of brightness.
        contrast: range of the factor of contrast.
        p: probability of each of the two changes.
    """

    _transformed_types = (tv_tensors.Image,)

    def __init__(self, brightness: tuple[float, float], contrast: tuple[float, float], p: float = 1.0) -> None:
        super().__init__()
        self.brightness = brightness
        self.contrast = contrast
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        return {
            name: torch.empty(()).uniform_(*limits).item() if torch.rand(()) < self.p else 1.0
            for name, limits in (("brightness", self.brightness), ("contrast", self.contrast))
        }

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        values = (inpt.as_subclass(Tensor).float() * params["brightness"]).clamp_(0, 255)
        mean = values.mean(dim=(1, 2), keepdim=True)
        values = mean + params["contrast"] * (values - mean)
        return tv_tensors.Image(values.round_().clamp_(0, 255).byte())


class ResizeImage(v2.Transform):
    """Resizes the image so that its long side has ``long_side`` pixels; leaves the label map alone."""

    _transformed_types = (tv_tensors.Image,)

    def __init__(self, long_side: int) -> None:
        super().__init__()
        self.long_side = long_side

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        height, width = inpt.shape[-2:]
        factor = self.long_side / max(height, width)
        return functional.resize(inpt, [max(1, round(height * factor)), max(1, round(width * factor))], antialias=True)


def _margin(crop: tuple[int, int], rotation: float) -> tuple[int, int]:
    """The (height, width) that still covers ``crop`` after a rotation by up to ``rotation`` degrees."""
    height, width = crop
    angle = math.radians(min(rotation, 45.0))
    return (
        math.ceil(height * math.cos(angle) + width * math.sin(angle)),
        math.ceil(width * math.cos(angle) + height * math.sin(angle)),
    )


def _to_network(mean: Sequence[float], std: Sequence[float]) -> list[torch.nn.Module]:
    return [
        v2.ToDtype({tv_tensors.Image: torch.float32, "others": None}, scale=True),  # pyright: ignore[reportArgumentType]
        v2.Normalize(list(mean), list(std), inplace=True),  # the float image is a new one
        ToPlainTensor(),
    ]


class ToPlainTensor(v2.Transform):
    """Makes plain tensors of tv_tensors, whose types nothing after the transforms needs."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        return inpt.as_subclass(Tensor)
