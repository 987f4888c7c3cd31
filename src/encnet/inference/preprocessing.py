"""Image -> what the network takes. Only what works on tensors needs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from encnet.errors import InputError
from encnet.model.info import ModelInfo

if TYPE_CHECKING:
    from torch import Tensor

_UNRANGED_MODES = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})


@dataclass(frozen=True)
class Preprocessing:
    """x = (image / 255 − mean) / std, after an optional resize; what a model was trained with travels with it."""

    mean: tuple[float, float, float]
    """Mean of red, green and blue, of values in 0-1."""
    std: tuple[float, float, float]
    """Standard deviation of red, green and blue."""
    long_side: int | None = None
    """Length in pixels to which the long side is brought, keeping the proportions; None keeps the size."""

    @classmethod
    def of(cls, info: ModelInfo) -> Preprocessing:
        """The preprocessing of a model.

        Raises:
            InputError: the model does not take RGB images.
        """
        if len(info.mean) != 3 or len(info.std) != 3:
            raise InputError(f"{info.variant} takes images of {len(info.mean)} channels; prediction needs an RGB model")
        return cls((info.mean[0], info.mean[1], info.mean[2]), (info.std[0], info.std[1], info.std[2]), info.long_side)

    def resized(self, image: Image.Image) -> Image.Image:
        """An RGB image of the size at which the network is to see it; the image itself where it has that size.

        Smaller images are averages of what they are made of, as Pillow's and torchvision's bilinear filters have it.
        """
        long_side = max(image.size)
        if self.long_side is None or self.long_side == long_side:
            return image
        scale = self.long_side / long_side
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        return image.resize(size, Image.Resampling.BILINEAR)

    def normalised(self, images: Tensor) -> Tensor:
        """Bytes, (..., 3, H, W), -> x, float32 of the same size, in the same memory layout."""
        import torch

        mean, std = (torch.tensor(values, dtype=torch.float64)[:, None, None] for values in (self.mean, self.std))
        scale, shift = (each.float().to(images.device) for each in (1 / (255 * std), -mean / std))
        return images.float().mul_(scale).add_(shift)


def pixels_of(images: Sequence[Image.Image]) -> np.ndarray:
    """RGB images of one size as one array, uint8 (B, H, W, 3)."""
    pixels = np.empty((len(images), images[0].height, images[0].width, 3), np.uint8)
    for own, image in zip(pixels, images, strict=True):
        own[:] = np.asarray(image)
    return pixels


def rgb_image(image: Image.Image | np.ndarray) -> Image.Image:
    """A PIL image of any 8-bit mode, or a uint8 RGB array (H, W, 3) -> RGB image.

    Transparency is dropped. The pixels are taken as they lie: an EXIF orientation is not applied.

    Raises:
        InputError: another type, shape or number format.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise InputError(
                f"the image array has shape {image.shape} and type {image.dtype};"
                " give RGB as uint8 with shape (height, width, 3)"
            )
        return Image.fromarray(image)
    if not isinstance(image, Image.Image):
        raise InputError(f"an image is a path, a PIL image or a uint8 array, not {type(image).__name__}")
    if image.mode in _UNRANGED_MODES:
        raise InputError(f"the image has mode {image.mode}, whose values have no fixed range; convert it to RGB")
    try:
        # Pillow warns where a transparent palette goes straight to RGB.
        opaque = image.convert("RGBA") if image.mode == "P" and "transparency" in image.info else image
        return opaque.convert("RGB")
    except OSError as error:  # files are decoded when their pixels are first asked for
        raise InputError(f"the image cannot be decoded: {error}; replace its file") from error
