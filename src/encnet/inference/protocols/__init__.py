"""Protocols: how a model is run over an image of any size."""
