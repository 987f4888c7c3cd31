"""Programs to compare with: the plain form of this network, and segmentation_models.pytorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encnet.benchmark.comparison import PLAIN, Form, PreparedForm, Shape
from encnet.benchmark.measure import gigaflop_unrun
from encnet.benchmark.networks import backbone_of, drawn_images, forward_gigaflop, normalised, untrained
from encnet.errors import InputError

RIVALS = ("plain", "smp")
"""What ``--rivals`` takes; MMSegmentation comes with ``--peer-python``."""

ARCHITECTURES = ("DeepLabV3Plus", "PSPNet", "FPN", "Unet")
"""Of segmentation_models.pytorch, each with the library's own settings."""

DIVISOR = 32
"""Of height and width, which that library asks for."""


@dataclass(frozen=True)
class PlainPrediction(PreparedForm):
    """A variant of this package as a straightforward program runs it: PyTorch's own memory layout, batch norm as it
    is, the scores of all classes brought to the size of the image, then the most probable class taken."""

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
    """A network of segmentation_models.pytorch, channels last; images are padded to the size that it asks for."""

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
    """The forms of :data:`RIVALS` for a variant: its plain form, and the library's networks with its backbone.

    Args:
        names: of :data:`RIVALS`.
        variant: of :func:`encnet.list_models`.
        classes: number of classes.
        plain: (name, precision, variant, classes) -> form.
        library: (name, precision, architecture, backbone, classes) -> form.

    Raises:
        InputError: a name is unknown, or the library is not installed.
    """
    unknown = [name for name in names if name not in RIVALS]
    if unknown:
        raise InputError(f"there is no rival {unknown[0]!r}; --rivals takes {' and '.join(RIVALS)}")
    forms: list[Form] = []
    if "plain" in names:
        forms.append(plain(PLAIN, "fp32", variant, classes))
    if "smp" in names:
        library_network(ARCHITECTURES[0], "resnet18", 2)  # whether the library is there
        backbone = backbone_of(variant)
        forms += [library(f"smp {name}", "fp32", name, backbone, classes) for name in ARCHITECTURES]
    return forms


def library_network(architecture: str, backbone: str, classes: int) -> nn.Module:
    """A network of segmentation_models.pytorch, without downloaded weights, in training mode.

    Args:
        architecture: of :data:`ARCHITECTURES`.
        backbone: timm's name of it; a ResNet's stem is torchvision's.
        classes: number of classes.

    Raises:
        InputError: the library is not installed.
    """
    try:
        import segmentation_models_pytorch as smp
    except ImportError as error:
        raise InputError(
            "segmentation_models.pytorch is not installed; `pip install 'encnet[rivals]'`, or leave smp out of --rivals"
        ) from error
    encoder = backbone.rstrip("cs") if backbone.startswith("resnet") else backbone
    if encoder not in smp.encoders.get_encoder_names():
        encoder = f"tu-{backbone}"  # any network of timm's
    return getattr(smp, architecture)(encoder_name=encoder, encoder_weights=None, in_channels=3, classes=classes)


def library_gigaflop(architecture: str, backbone: str, classes: int, shape: Shape) -> float:
    """Of one forward pass of :func:`library_network`, in 10⁹."""

    def build() -> Callable[[], object]:
        network = library_network(architecture, backbone, classes).eval()  # of one image there are no batch statistics
        images = padded(torch.empty(shape[0], 3, *shape[1:]))
        return lambda: network(images)

    return gigaflop_unrun(build)


def padded(pixels: Tensor) -> Tensor:
    """(B, 3, H, W) with rows and columns of zeros up to the next multiple of :data:`DIVISOR`."""
    return F.pad(pixels, (0, -pixels.shape[3] % DIVISOR, 0, -pixels.shape[2] % DIVISOR))
