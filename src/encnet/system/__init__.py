"""Helpers that every other package uses: errors, argument checks, files, progress bars, cores, memory."""
