"""A random crop of a scaled image; for large images, only the crop itself is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from encnet.data.class_indices import ignore_in


class Crop(NamedTuple):
    """A rectangle in an image resized to ``full``; it may extend beyond the edges, but overlaps the image."""

    full: tuple[int, int]  #: (height, width) of the resized image, in pixels
    top: int  #: first row of the rectangle in the resized image; negative above it
    left: int  #: its first column
    size: tuple[int, int]  #: (height, width) of the rectangle


class RandomScaledCrop(v2.Transform):
    """Scales image and label map by one random factor and cuts out one random crop.

    The factor is drawn uniformly from ``scale``, then the crop's position uniformly from those inside the scaled image
    or, if the image is smaller than the crop, from those that contain all of it. A crop in which one class has
    ``max_class_share`` of the labelled pixels or more, or in which nothing is labelled, is drawn again, up to ten draws
    in all (``cat_max_ratio`` of MMSegmentation).

    The values are those of resizing the whole image (bilinear and antialiased; label maps to the nearest pixel) and
    cropping the result; of a large image, only the crop is computed.

    Args:
        size: (height, width) of the crop, in pixels.
        fill: byte of each band for pixels beyond the image; they are ignored in the label map.
        scale: range of the factor.
        base_size: length of ``base_side`` in pixels at factor 1; None: the image's own.
        base_side: "long" or "short".
        max_class_share: above 0; 1 accepts every crop.

    Shapes:
        ``tv_tensors.Image`` uint8 (3, H, W) or Pillow RGB image -> Pillow image; ``tv_tensors.Image`` uint8 (C, H, W)
        with other bands -> (C, height, width); ``tv_tensors.Mask`` uint8 or int32 (H, W) -> (height,
        width).
    """

    _DRAWS = 10
    _transformed_types = (Image.Image, tv_tensors.Image, tv_tensors.Mask)

    def __init__(
        self,
        size: tuple[int, int],
        fill: Sequence[int],
        scale: tuple[float, float] = (1.0, 1.0),
        base_size: int | None = None,
        base_side: Literal["long", "short"] = "long",
        max_class_share: float = 1.0,
    ) -> None:
        super().__init__()
        self.size = size
        self.fill: tuple[int, ...] = tuple(fill)
        self.scale = scale
        self.base_size = base_size
        self.base_side = base_side
        self.max_class_share = max_class_share

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        height, width = _size(flat_inputs[0])
        factor = torch.empty(()).uniform_(*self.scale).item()
        if self.base_size is not None:
            factor *= self.base_size / (max if self.base_side == "long" else min)(height, width)
        full = max(1, round(height * factor)), max(1, round(width * factor))
        crop = self._draw(full)
        if self.max_class_share < 1:
            label = next(inpt for inpt in flat_inputs if isinstance(inpt, tv_tensors.Mask))
            for _ in range(self._DRAWS - 1):
                if self._is_mixed(crop_label(label, crop)):
                    break
                crop = self._draw(full)
        return {"crop": crop}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        if isinstance(inpt, tv_tensors.Mask):
            return tv_tensors.Mask(crop_label(inpt, params["crop"]))
        if isinstance(inpt, Tensor) and len(inpt) != 3:
            return crop_bands(inpt, params["crop"], self.fill)
        return crop_image(inpt, params["crop"], self.fill)

    def _draw(self, full: tuple[int, int]) -> Crop:
        spare = [scaled - wanted for scaled, wanted in zip(full, self.size, strict=True)]
        top, left = (int(torch.randint(min(0, room), max(0, room) + 1, ())) for room in spare)
        return Crop(full, top, left, self.size)

    def _is_mixed(self, label: Tensor) -> bool:
        pixels = label.flatten().bincount()[: ignore_in(label)]
        largest, labelled = int(pixels.max()) if len(pixels) else 0, int(pixels.sum())  # tensors would round the share
        return 0 < largest < self.max_class_share * labelled


def crop_image(image: Tensor | Image.Image, crop: Crop, fill: tuple[int, ...]) -> Image.Image:
    """The crop of an RGB or grey image (tensor uint8 (3 or 1, H, W) or Pillow image), bilinear and antialiased.

    It differs from the exact values by at most one grey level. A small image, or one that gets much smaller, is resized
    whole, since torchvision is faster per pixel. Of other images, only the pixels that the crop depends on are read.
    """
    size = _size(image)
    rows, columns = _parts(size, crop)
    read = (rows.stop - rows.start) * (columns.stop - columns.start)
    # Nanoseconds, measured: torchvision takes 1 per pixel read, 4 more to make the tensor of a Pillow image, and 4 per
    # pixel written; Pillow takes 10 per pixel read or written.
    reading = 1 if isinstance(image, Tensor) else 5
    if reading * math.prod(size) + 4 * math.prod(crop.full) < 10 * (read + rows.length * columns.length):
        top, left = crop.top + rows.offset, crop.left + columns.offset
        tensor = image if isinstance(image, Tensor) else functional.to_image(image)
        whole = functional.resize(tensor, list(crop.full), antialias=True).as_subclass(Tensor)
        inside = functional.to_pil_image(whole[:, top : top + rows.length, left : left + columns.length])
    else:
        inside = resized_region(image, crop)
    if (rows.length, columns.length) == crop.size:
        return inside
    canvas = Image.new(inside.mode, (crop.size[1], crop.size[0]), fill)
    canvas.paste(inside, (columns.offset, rows.offset))
    return canvas


def crop_bands(image: Tensor, crop: Crop, fill: tuple[int, ...]) -> tv_tensors.Image:
    """The crop of an image of any bands, uint8 (C, H, W), each band as :func:`crop_image` crops a grey image."""
    bands = (crop_image(band[None].as_subclass(Tensor), crop, (byte,)) for band, byte in zip(image, fill, strict=True))
    return tv_tensors.Image(torch.cat([functional.pil_to_tensor(band) for band in bands]))


def resized_region(image: Tensor | Image.Image, crop: Crop) -> Image.Image:
    """The part of a crop inside the image, computed only from the pixels that it depends on.

    Pillow resizes rectangles with fractional edges; a resize that starts at a whole pixel would shift the crop by up to
    half a source pixel.
    """
    rows, columns = _parts(_size(image), crop)
    if isinstance(image, Image.Image):
        source = image.crop((columns.start, rows.start, columns.stop, rows.stop))
    else:
        pixels = image[:, rows.start : rows.stop, columns.start : columns.stop].as_subclass(Tensor)
        source = functional.to_pil_image(pixels)
    box = (columns.box[0], rows.box[0], columns.box[1], rows.box[1])
    return source.resize((columns.length, rows.length), Image.Resampling.BILINEAR, box)


def crop_label(label: Tensor, crop: Crop) -> Tensor:
    """The crop of a label map uint8 or int32 (H, W), by nearest neighbour; ignored beyond the edges.

    Each pixel takes the class at its centre ("nearest-exact" of PyTorch). The class at its upper left corner
    ("nearest") would move all objects half a pixel to the right and down, against the photograph.
    """
    inside = label.as_subclass(Tensor)
    padding = []
    for dim, (source, scaled, first, length) in enumerate(
        zip(label.shape, crop.full, (crop.top, crop.left), crop.size, strict=True)
    ):
        start, stop = max(0, first), min(scaled, first + length)
        centres = 2 * torch.arange(start, stop) + 1  # in halves of a pixel: whole numbers leave nothing to rounding
        positions = centres * source // (2 * scaled)
        inside = inside.index_select(dim, positions)
        padding = [start - first, first + length - stop, *padding]  # pad() begins with the last dimension
    return torch.nn.functional.pad(inside, padding, value=ignore_in(label)) if any(padding) else inside


def _size(image: Tensor | Image.Image) -> Sequence[int]:
    """(height, width) in pixels."""
    return image.shape[-2:] if isinstance(image, Tensor) else (image.height, image.width)


class _Part(NamedTuple):
    """The part of a crop inside the image, along one axis."""

    offset: int  #: start of the part within the crop, in pixels
    length: int
    start: int  #: first source pixel that the part depends on
    stop: int  #: end of those pixels
    box: tuple[float, float]  #: edges of the part in source pixels, relative to ``start``


def _parts(size: Sequence[int], crop: Crop) -> tuple[_Part, _Part]:
    """The parts of a crop along the rows and along the columns of an image of ``size``."""
    rows, columns = zip(size, crop.full, (crop.top, crop.left), crop.size, strict=True)
    return _part(*rows), _part(*columns)


def _part(source: int, scaled: int, first: int, length: int) -> _Part:
    begin, end = max(0, first), min(scaled, first + length)
    edges = begin * source / scaled, end * source / scaled
    reach = max(1.0, source / scaled)  # of the bilinear filter, which antialiasing widens when the image shrinks
    start, stop = max(0, math.floor(edges[0] - reach)), min(source, math.ceil(edges[1] + reach))
    return _Part(begin - first, end - begin, start, stop, (edges[0] - start, edges[1] - start))
