"""Scores: pixel accuracy and IoU, presence, and the disagreement between the two."""
