"""Georeferenced rasters of any size as training data: read in windows, beside label rasters or vectors."""
