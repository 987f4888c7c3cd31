"""Image -> :class:`Segmentation`."""

from encnet.inference.inputs import expand_inputs, output_stems
from encnet.inference.predictor import Predictor
from encnet.inference.preprocessing import Preprocessing
from encnet.inference.protocol import Protocol, segment
from encnet.inference.segmentation import Segmentation

__all__ = ["Predictor", "Preprocessing", "Protocol", "Segmentation", "expand_inputs", "output_stems", "segment"]
