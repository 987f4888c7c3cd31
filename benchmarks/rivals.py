"""Programs to compare with: the plain form of a variant, and networks of segmentation_models.pytorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.comparison import PLAIN, Form, PreparedForm
from benchmarks.measure import gigaflop_unrun
from benchmarks.networks import backbone_of, forward_gigaflop, normalised, untrained
from encnet.benchmark.drawn import drawn_images
from encnet.benchmark.images import Shape
from encnet.system.errors import InputError

RIVALS = ("plain", "smp")
"""Rivals by name; MMSegmentation is a further one, in an environment of its own (:mod:`benchmarks.peer`)."""

ARCHITECTURES = ("DeepLabV3Plus", "PSPNet", "FPN", "Unet")
"""Networks of segmentation_models.pytorch, each with the library's own settings."""

DIVISOR = 32
"""The library requires heights and widths that are multiples of this."""


@dataclass(frozen=True)
class PlainPrediction(PreparedForm):
    """Prediction by a variant without any optimisation: PyTorch's own memory layout, batch norm not folded, the scores
    of all classes upsampled to the size of the image before the argmax."""

    variant: str = "encnet_resnet50"
    classes: int = 150

    def prepare(self, shape: Shape) -> Callable[[], object]:
        network, images = untrained(self.variant, self.classes), drawn_images(shape)

        def run() -> tuple[Tensor, Tensor | None]:
            with torch.inference_mode():
                output = network(normalised(images, torch.contiguous_format, network.info))
                presence = None if output.presence is None else network.presence_probabilities(output.presence)
                return output.logits.argmax(dim=1), presence

        return run

    def gigaflop(self, shape: Shape) -> float:
        return forward_gigaflop(self.variant, self.classes, shape)


@dataclass(frozen=True)
class LibraryPrediction(PreparedForm):
    """Prediction by a network of segmentation_models.pytorch, channels last, on images padded to a size it accepts."""

    architecture: str = ARCHITECTURES[0]
    backbone: str = "resnet50"
    classes: int = 150

    def prepare(self, shape: Shape) -> Callable[[], object]:
        torch.manual_seed(0)
        network: Any = library_network(self.architecture, self.backbone, self.classes).eval()
        network.to(memory_format=torch.channels_last)
        images = drawn_images(shape)

        def run() -> Tensor:
            with torch.inference_mode():
                logits = network(padded(normalised(images, torch.channels_last)))
                return logits[:, :, : shape[1], : shape[2]].argmax(dim=1)

        return run

    def gigaflop(self, shape: Shape) -> float:
        return library_gigaflop(self.architecture, self.backbone, self.classes, shape)


def chosen_rivals(
    names: Sequence[str],
    variant: str,
    classes: int,
    plain: Callable[[str, str, str, int], Form] = PlainPrediction,
    library: Callable[[str, str, str, str, int], Form] = LibraryPrediction,
) -> list[Form]:
    """Returns the forms of rivals for a variant: its plain form, and the library's networks on its backbone.

    Args:
        names: rivals, of :data:`RIVALS`.
        variant: of :func:`encnet.list_models`.
        classes: number of classes.
        plain: (name, precision, variant, classes) -> form.
        library: (name, precision, architecture, backbone, classes) -> form.

    Raises:
        InputError: a name is unknown, or the library is not installed.
    """
    unknown = [name for name in names if name not in RIVALS]
    if unknown:
        raise InputError(f"there is no rival {unknown[0]!r}; choose of {' and '.join(RIVALS)}", "rivals")
    forms: list[Form] = []
    if "plain" in names:
        forms.append(plain(PLAIN, "fp32", variant, classes))
    if "smp" in names:
        library_network(ARCHITECTURES[0], "resnet18", 2)  # raises where the library is not installed
        backbone = backbone_of(variant)
        forms += [library(f"smp {name}", "fp32", name, backbone, classes) for name in ARCHITECTURES]
    return forms


def library_network(architecture: str, backbone: str, classes: int, **options: Any) -> nn.Module:
    """Returns a network of segmentation_models.pytorch with random weights, in training mode.

    Args:
        architecture: of :data:`ARCHITECTURES`.
        backbone: timm's name of the backbone; ResNets have torchvision's stem here.
        classes: number of classes.
        options: further arguments of the library.

    Raises:
        InputError: the library is not installed.
    """
    try:
        import segmentation_models_pytorch as smp
    except ImportError as error:
        raise InputError(
            "segmentation_models.pytorch is not installed; `pip install 'encnet[rivals]'`, or leave out smp", "rivals"
        ) from error
    encoder = backbone.rstrip("cs") if backbone.startswith("resnet") else backbone
    if encoder not in smp.encoders.get_encoder_names():
        encoder = f"tu-{backbone}"  # any network of timm
    return getattr(smp, architecture)(
        encoder_name=encoder, encoder_weights=None, in_channels=3, classes=classes, **options
    )


def library_gigaflop(architecture: str, backbone: str, classes: int, shape: Shape) -> float:
    """Multiplications and additions of one forward pass of :func:`library_network`, in 10⁹."""

    def build() -> Callable[[], object]:
        network = library_network(architecture, backbone, classes).eval()  # one image has no batch statistics
        images = padded(torch.empty(shape[0], 3, *shape[1:]))
        return lambda: network(images)

    return gigaflop_unrun(build)


def padded(pixels: Tensor) -> Tensor:
    """(B, 3, H, W) with rows and columns of zeros up to the next multiple of :data:`DIVISOR`."""
    return F.pad(pixels, (0, -pixels.shape[3] % DIVISOR, 0, -pixels.shape[2] % DIVISOR))
