"""What programs get: the JSON of the HTTP routes, as types that document it."""

from __future__ import annotations

import base64
import io

import numpy as np
from pydantic import BaseModel, Field

from encnet.app.limits import Limits
from encnet.data.labels import IGNORE
from encnet.inference.engines import Engine
from encnet.inference.segmentation import Segmentation

Color = tuple[int, int, int]


class ClassName(BaseModel):
    """A class that the model knows."""

    name: str
    color: Color = Field(description="red, green and blue, 0-255")


class ClassInImage(ClassName):
    """A class, and how much of an image is of it."""

    share: float = Field(description="share of the pixels that have this class, 0-1")
    presence: float | None = Field(
        description="probability, 0-1, that the class is anywhere in the image; null if the model does not say"
    )


class Prediction(BaseModel):
    """The answer to an image."""

    width: int = Field(description="of the image, upright, in pixels")
    height: int = Field(description="of the image, upright, in pixels")
    classes: list[ClassInImage] = Field(description="all classes, in the order of their indices")
    disagreement: float | None = Field(
        description="how far presence and pixels contradict each other, 0-1: the higher, the likelier a mistake;"
        " null if the model does not say which classes are in an image"
    )
    labels_png: str | None = Field(
        default=None,
        description="with ?labels=true: the label map as a palette PNG in base64; its values are indices of `classes`",
    )

    @classmethod
    def of(cls, segmentation: Segmentation, labels: bool = False) -> Prediction:
        """The answer for a segmentation, with its label map by option."""
        height, width = segmentation.labels.shape
        pixels = np.bincount(segmentation.labels.ravel(), minlength=IGNORE + 1)
        presence, disagreement = segmentation.presence, segmentation.disagreement()
        answer = cls(
            width=width,
            height=height,
            classes=[
                ClassInImage(
                    name=name,
                    color=color,
                    share=round(float(pixels[c]) / segmentation.labels.size, 6),
                    presence=None if presence is None else round(float(presence[c]), 6),
                )
                for c, (name, color) in enumerate(zip(segmentation.names, segmentation.palette, strict=True))
            ],
            disagreement=None if disagreement is None else round(disagreement.score, 6),
        )
        if labels:
            answer.labels_png = base64.b64encode(label_png(segmentation)).decode("ascii")
        return answer


class ModelDescription(BaseModel):
    """What the server runs."""

    variant: str = Field(description="name of the network's builder")
    engine: str = Field(description="the library that computes it")
    precision: str = Field(description="number format of the computation")
    device: str
    presence: bool = Field(description="whether it says which classes are in an image")
    classes: list[ClassName] = Field(description="in the order of their indices")
    max_megapixels: float = Field(description="millions of pixels of an image, at most")
    max_megabytes: float = Field(description="millions of bytes of a file, at most")
    timeout: float = Field(description="seconds until an answer, at most")

    @classmethod
    def of(cls, engine: Engine, limits: Limits) -> ModelDescription:
        """The description of an engine and of the limits of its server."""
        known = engine.description
        return cls(
            variant=known.info.variant,
            engine=engine.name,
            precision=engine.precision,
            device=engine.device,
            presence=known.presence,
            classes=[ClassName(name=n, color=c) for n, c in zip(known.names, known.palette, strict=True)],
            max_megapixels=limits.max_megapixels,
            max_megabytes=limits.max_megabytes,
            timeout=limits.timeout,
        )


class Health(BaseModel):
    """The answer of a server that lives."""

    status: str = "ok"


class Problem(BaseModel):
    """The answer to a request that is not served."""

    error: str = Field(description="one sentence: what is wrong, and the way out")


def label_png(segmentation: Segmentation) -> bytes:
    """The label map as the file of a palette PNG."""
    buffer = io.BytesIO()
    segmentation.label_map().save(buffer, format="PNG")
    return buffer.getvalue()
