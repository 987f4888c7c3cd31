"""Checkpoints -> models."""
