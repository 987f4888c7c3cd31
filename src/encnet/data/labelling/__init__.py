"""What a labelling tool exports -> a data set as ``encnet train`` reads it: labelme, CVAT, COCO."""

from encnet.data.labelling.importing import READERS, Imported, import_labels

__all__ = ["READERS", "Imported", "import_labels"]
