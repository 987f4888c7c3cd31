"""Prediction: from an image to a :class:`Segmentation`.

Each name is imported on first use, so that exported models predict without PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encnet.inference.inputs import expand_inputs
    from encnet.inference.media.context_memory import ContextMemory
    from encnet.inference.media.raster import predict_raster
    from encnet.inference.media.video import predict_video
    from encnet.inference.predictor import Predictor
    from encnet.inference.preprocessing import Preprocessing
    from encnet.inference.protocols.protocol import Protocol, named_protocol
    from encnet.inference.protocols.sliding_window import segment
    from encnet.inference.segmentation import Segmentation
    from encnet.inference.stems import output_stems

_HOMES = {
    "ContextMemory": "media.context_memory",
    "Predictor": "predictor",
    "Preprocessing": "preprocessing",
    "Protocol": "protocols.protocol",
    "Segmentation": "segmentation",
    "expand_inputs": "inputs",
    "named_protocol": "protocols.protocol",
    "output_stems": "stems",
    "predict_raster": "media.raster",
    "predict_video": "media.video",
    "segment": "protocols.sliding_window",
}

__all__ = [
    "ContextMemory",
    "Predictor",
    "Preprocessing",
    "Protocol",
    "Segmentation",
    "expand_inputs",
    "named_protocol",
    "output_stems",
    "predict_raster",
    "predict_video",
    "segment",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'encnet.inference' has no attribute {name!r}")
    return getattr(import_module(f"encnet.inference.{_HOMES[name]}"), name)
