"""Image -> :class:`Segmentation`."""

from encnet.inference.inputs import expand_inputs, output_stems
from encnet.inference.predictor import Predictor
from encnet.inference.preprocessing import Preprocessing
from encnet.inference.protocol import Protocol, named_protocol
from encnet.inference.segmentation import Segmentation
from encnet.inference.tiling import segment

__all__ = [
    "Predictor",
    "Preprocessing",
    "Protocol",
    "Segmentation",
    "expand_inputs",
    "named_protocol",
    "output_stems",
    "segment",
]
