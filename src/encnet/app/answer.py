"""The JSON answers of the HTTP routes, as documented types."""

from __future__ import annotations

import base64
import io

import numpy as np
from pydantic import BaseModel, Field

from encnet.app.limits import Limits
from encnet.data.palette import Color
from encnet.inference.engines import Engine
from encnet.inference.segmentation import Segmentation


class ClassName(BaseModel):
    """A class that the model knows."""

    name: str
    color: Color = Field(description="red, green and blue, 0-255")


class ClassInImage(ClassName):
    """A class, its share of the pixels of an image, and its presence."""

    share: float = Field(description="share of the pixels with this class, 0-1")
    presence: float | None = Field(
        description="probability, 0-1, that the class is anywhere in the image; null if the model does not predict it"
    )


class Prediction(BaseModel):
    """The answer to an image."""

    width: int = Field(description="width of the upright image, in pixels")
    height: int = Field(description="height of the upright image, in pixels")
    classes: list[ClassInImage] = Field(description="all classes, ordered by index")
    disagreement: float | None = Field(
        description="disagreement between presence and pixels, 0-1: the higher, the likelier a mistake;"
        " null if the model does not predict presence"
    )
    labels_png: str | None = Field(
        default=None,
        description="with ?labels=true: the label map as a palette PNG in base64, or as a grey PNG of 16 bits for more"
        " than 255 classes; its values are indices of `classes`",
    )

    @classmethod
    def of(cls, segmentation: Segmentation, labels: bool = False) -> Prediction:
        """Builds the answer for a segmentation.

        Args:
            segmentation: the prediction.
            labels: include the label map.
        """
        height, width = segmentation.labels.shape
        pixels = np.bincount(segmentation.labels.ravel(), minlength=len(segmentation.names))
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
    """The model that the server runs, and the limits of a request."""

    variant: str = Field(description="name of the variant")
    engine: str = Field(description="library that runs the model")
    precision: str = Field(description="number format of the computation")
    device: str
    presence: bool = Field(description="true if the model predicts which classes are in an image")
    classes: list[ClassName] = Field(description="all classes, ordered by index")
    max_megapixels: float = Field(description="largest image, in millions of pixels")
    max_megabytes: float = Field(description="largest file, in millions of bytes")
    timeout: float = Field(description="longest time until an answer, in seconds")

    @classmethod
    def of(cls, engine: Engine, limits: Limits) -> ModelDescription:
        """Builds the description of an engine and of the limits of its server."""
        description = engine.description
        return cls(
            variant=description.info.variant,
            engine=engine.name,
            precision=engine.precision,
            device=engine.device,
            presence=description.presence,
            classes=[ClassName(name=n, color=c) for n, c in zip(description.names, description.palette, strict=True)],
            max_megapixels=limits.max_megapixels,
            max_megabytes=limits.max_megabytes,
            timeout=limits.timeout,
        )


class Health(BaseModel):
    """The answer of a running server."""

    status: str = "ok"


class Problem(BaseModel):
    """The answer to a request that is refused."""

    error: str = Field(description="one sentence: what is wrong, and how to mend it")


def label_png(segmentation: Segmentation) -> bytes:
    """Returns the label map as the bytes of a PNG."""
    buffer = io.BytesIO()
    segmentation.label_map().save(buffer, format="PNG")
    return buffer.getvalue()
