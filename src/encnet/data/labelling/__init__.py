"""Imports the exports of labelling tools (labelme, CVAT, COCO) as data sets."""

from encnet.data.labelling.importing import FORMATS, READERS, Imported, import_labels

__all__ = ["FORMATS", "READERS", "Imported", "import_labels"]
