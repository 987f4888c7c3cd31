"""Exports a model to a file for other engines."""

from encnet.export.run import Exported, export_model

__all__ = ["Exported", "export_model"]
