"""The demo: everything from images to a report."""
