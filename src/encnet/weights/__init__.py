"""Conversion of checkpoints of other code bases."""
