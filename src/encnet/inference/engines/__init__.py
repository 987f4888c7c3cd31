"""Engines that run a network: PyTorch, ONNX Runtime or OpenVINO, each imported on first use."""

from encnet.inference.engines.description import Description
from encnet.inference.engines.engine import Engine, EngineName, Precision, Scores
from encnet.inference.engines.opening import open_engine

__all__ = ["Description", "Engine", "EngineName", "Precision", "Scores", "open_engine"]
