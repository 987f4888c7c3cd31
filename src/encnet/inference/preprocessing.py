"""Image -> what the network takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from encnet.errors import InputError
from encnet.model.info import ModelInfo

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

    def __call__(self, image: Image.Image | np.ndarray | Tensor) -> Tensor:
        """One image, as :func:`rgb_image` takes it, or uint8 tensors (..., 3, H, W) -> float32 (..., 3, H', W')."""
        pixels = image if isinstance(image, Tensor) else functional.pil_to_tensor(rgb_image(image))
        height, width = pixels.shape[-2:]
        if self.long_side is not None and self.long_side != max(height, width):
            scale = self.long_side / max(height, width)
            size = [max(1, round(height * scale)), max(1, round(width * scale))]
            pixels = functional.resize(pixels, size, antialias=True)
        pixels = functional.to_dtype(pixels, torch.float32, scale=True)
        return functional.normalize(pixels, list(self.mean), list(self.std))


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
