"""From files on disk to pairs of image and label map."""
