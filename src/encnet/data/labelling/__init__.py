"""Imports the exports of labelling tools (labelme, CVAT, COCO) as data sets."""

from encnet.data.labelling.importing import READERS, Imported, import_labels

__all__ = ["READERS", "Imported", "import_labels"]
