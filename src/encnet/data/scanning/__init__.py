"""Finds out what raw labels mean where nobody says it: decides by all label maps together, and refuses to guess."""

from encnet.data.scanning.scan import Scanned, scan_labels

__all__ = ["Scanned", "scan_labels"]
