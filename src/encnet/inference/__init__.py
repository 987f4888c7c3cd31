"""Image -> :class:`Segmentation`.

Each name is imported when it is first used: an exported model predicts without PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encnet.inference.context_memory import ContextMemory
    from encnet.inference.inputs import expand_inputs, output_stems
    from encnet.inference.predictor import Predictor
    from encnet.inference.preprocessing import Preprocessing
    from encnet.inference.protocol import Protocol, named_protocol
    from encnet.inference.raster import predict_raster
    from encnet.inference.segmentation import Segmentation
    from encnet.inference.tiling import segment
    from encnet.inference.video import predict_video

_HOMES = {
    "ContextMemory": "context_memory",
    "Predictor": "predictor",
    "Preprocessing": "preprocessing",
    "Protocol": "protocol",
    "Segmentation": "segmentation",
    "expand_inputs": "inputs",
    "named_protocol": "protocol",
    "output_stems": "inputs",
    "predict_raster": "raster",
    "predict_video": "video",
    "segment": "tiling",
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
