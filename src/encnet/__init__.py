"""EncNet: semantic segmentation that knows its scene (Context Encoding, CVPR 2018).

The public names. Each is imported when it is first used, so that the command line starts at once.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from encnet.checkpoint.create import build_encnet, create_model
    from encnet.checkpoint.encnet import EncNet
    from encnet.checkpoint.loading import load
    from encnet.evaluation import evaluate
    from encnet.explanation.result import Explanation
    from encnet.explanation.run import explain
    from encnet.export.run import export_model
    from encnet.inference.predictor import Predictor
    from encnet.inference.protocols.protocol import Protocol
    from encnet.inference.segmentation import Segmentation
    from encnet.losses.encnet_loss import EncNetLoss
    from encnet.losses.loss import LossTerms
    from encnet.model.context import ContextEncoding
    from encnet.model.encoding import Encoding
    from encnet.model.options import ModelOptions
    from encnet.model.output import EncNetOutput
    from encnet.model.variants import list_models
    from encnet.system.errors import InputError

    __version__: str

_HOMES = {
    "ContextEncoding": "encnet.model.context",
    "EncNet": "encnet.checkpoint.encnet",
    "EncNetLoss": "encnet.losses.encnet_loss",
    "EncNetOutput": "encnet.model.output",
    "Encoding": "encnet.model.encoding",
    "Explanation": "encnet.explanation.result",
    "InputError": "encnet.system.errors",
    "LossTerms": "encnet.losses.loss",
    "ModelOptions": "encnet.model.options",
    "Predictor": "encnet.inference.predictor",
    "Protocol": "encnet.inference.protocols.protocol",
    "Segmentation": "encnet.inference.segmentation",
    "build_encnet": "encnet.checkpoint.create",
    "create_model": "encnet.checkpoint.create",
    "evaluate": "encnet.evaluation",
    "explain": "encnet.explanation.run",
    "export_model": "encnet.export.run",
    "list_models": "encnet.model.variants",
    "load": "encnet.checkpoint.loading",
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
    "ModelOptions",
    "Predictor",
    "Protocol",
    "Segmentation",
    "__version__",
    "build_encnet",
    "create_model",
    "evaluate",
    "explain",
    "export_model",
    "list_models",
    "load",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("encnet")
    if name not in _HOMES:
        raise AttributeError(f"module 'encnet' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
