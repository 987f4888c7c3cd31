"""Prediction of videos and of georeferenced rasters."""
