"""Explanations of the context encoding: what it saw in an image and what it changed, as arrays and as a page."""
