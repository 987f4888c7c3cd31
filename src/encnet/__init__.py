"""EncNet: semantic segmentation that knows its scene (Context Encoding, CVPR 2018).

The public names. Each is imported when it is first used, so that the command line starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encnet.errors import InputError
    from encnet.evaluation import evaluate
    from encnet.explanation.result import Explanation
    from encnet.explanation.run import explain
    from encnet.export.run import export_model
    from encnet.inference.predictor import Predictor
    from encnet.inference.protocol import Protocol
    from encnet.inference.segmentation import Segmentation
    from encnet.losses import EncNetLoss, LossTerms
    from encnet.model.build import build_encnet
    from encnet.model.context import ContextEncoding
    from encnet.model.encnet import EncNet
    from encnet.model.encoding import Encoding
    from encnet.model.loading import load
    from encnet.model.output import EncNetOutput
    from encnet.model.variants import create_model, list_models

_HOMES = {
    "ContextEncoding": "encnet.model.context",
    "EncNet": "encnet.model.encnet",
    "EncNetLoss": "encnet.losses",
    "EncNetOutput": "encnet.model.output",
    "Encoding": "encnet.model.encoding",
    "Explanation": "encnet.explanation.result",
    "InputError": "encnet.errors",
    "LossTerms": "encnet.losses",
    "Predictor": "encnet.inference.predictor",
    "Protocol": "encnet.inference.protocol",
    "Segmentation": "encnet.inference.segmentation",
    "build_encnet": "encnet.model.build",
    "create_model": "encnet.model.variants",
    "evaluate": "encnet.evaluation",
    "explain": "encnet.explanation.run",
    "export_model": "encnet.export.run",
    "list_models": "encnet.model.variants",
    "load": "encnet.model.loading",
}

__all__ = [
    "ContextEncoding",
    "EncNet",
    "EncNetLoss",
    "EncNetOutput",
    "Encoding",
    "Explanation",
    "InputError",
    "LossTerms",
    "Predictor",
    "Protocol",
    "Segmentation",
    "build_encnet",
    "create_model",
    "evaluate",
    "explain",
    "export_model",
    "list_models",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'encnet' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
