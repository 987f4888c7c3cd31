"""What a checkpoint contains besides the weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from encnet.model.schema import INFO, check_info
from encnet.system.errors import InputError
from encnet.system.text import quoted


@dataclass
class ModelInfo:
    """Everything that a checkpoint says about its model, as JSON types.

    It is enough to rebuild the network, to preprocess images as in training, and to name the outputs.
    """

    variant: str
    """Name of the variant, "encnet_resnet50" for example."""
    options: dict[str, Any]
    """``num_classes``, and :class:`encnet.model.options.ModelOptions` without mean and std."""
    mean: list[float]
    """Mean of each input channel, for values in 0-1, which is subtracted before the network."""
    std: list[float]
    """Standard deviation of each input channel, by which the difference is divided."""
    long_side: int | None = None
    """Length in pixels to which the long side of an image is resized before the network; None keeps its size."""
    classes: list[str] = field(default_factory=list)
    """Names of the classes, in the order of the logits."""
    palette: list[list[int]] = field(default_factory=list)
    """RGB colour of each class, 0-255."""
    context_pixels: int | None = None
    """Number of pixels of the feature map of a training crop. The sums of the context encoding over an image of another
    size are scaled to it; None leaves them unchanged."""
    presence_prior: float = 0.0
    """Factor of the logarithm of a class's presence, which prediction adds to the class's logit at every pixel."""
    training: dict[str, Any] = field(default_factory=dict)
    """Summary of the training: data set, recipe, epochs, scores."""
    multiple_of: int | None = None
    """Preferred divisor of the height and width of images, in pixels (:class:`encnet.model.backbone.Backbone`). It is
    None in files of version 0.1, and then follows from the options."""
    source: dict[str, Any] = field(default_factory=dict)
    """Bands and range of values of image files (:class:`encnet.data.source.ImageSource` as JSON types); empty for 8-bit
    grey and RGB photographs, and in files of version 0.1."""

    @classmethod
    def of(cls, values: Any, place: str = "") -> ModelInfo:
        """Returns the metadata that a file holds, checked against :mod:`encnet.model.schema`.

        Args:
            values: the content as JSON types; anything, if the file is damaged.
            place: dotted name of the metadata in the file, for messages.

        Raises:
            InputError: a field is unknown or missing, or has another type or range.
        """
        check_info(values, place)
        for name in values:
            if name not in INFO:
                raise InputError(f"there is no field {quoted(name)}; if a later encnet wrote this file, update encnet")
        return cls(**values)

    @property
    def image_multiple(self) -> int:
        """The preferred divisor of the height and width of images, in pixels: the strides of all features divide it."""
        if self.multiple_of is not None:
            return self.multiple_of
        return 32 if self.options.get("jpu") else int(self.options.get("output_stride", 8))
