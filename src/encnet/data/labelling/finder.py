"""Finds photographs for label files that name them without a suffix, without folders or with the path on a server."""

from __future__ import annotations

from pathlib import Path

from encnet.data.images import IMAGE_SUFFIXES
from encnet.system.errors import InputError

MISSING: str = "photograph that is labelled, but not there"
"""Kind of the labels that are left out because their photograph is missing."""


class Finder:
    """Finds image files in some folders, by relative path or by name, with or without suffix.

    A path relative to one of the folders is looked for first, in the order of the folders; else the only file of that
    name at any depth is found.
    """

    def __init__(self, *folders: Path) -> None:
        self.folders = tuple(dict.fromkeys(folders))
        self._found: dict[str, dict[str, list[Path]]] | None = None

    def find(self, source: Path, *names: str) -> Path | None:
        """The file of the first of these names that is there; None if none is.

        Args:
            source: the file that names the photograph, for messages.
            names: relative paths with forward slashes, with or without suffix.

        Raises:
            InputError: several files have the name.
        """
        index = self._index()
        for kind in ("path", "stem path", "name", "stem"):  # the most exact kind of match first
            for name in names:
                key = name if "path" in kind else name.rsplit("/", 1)[-1]
                files = index[kind].get(key, [])
                if len(files) > 1 and "path" not in kind:
                    raise InputError(
                        f"{source} names the image {name}, which can be {files[0]} or {files[1]}; give the folder of"
                        " the right one",
                        "images",
                    )
                if files:
                    return files[0]
        return None

    def require(self, found: int, source: Path, name: str) -> None:
        """Raises InputError if no photograph was found; ``name`` is one of those that ``source`` names."""
        if not found:
            folders = " or ".join(str(folder) for folder in self.folders)
            raise InputError(f"{source} names the image {name}, which is not in {folders}; give its folder", "images")

    def _index(self) -> dict[str, dict[str, list[Path]]]:
        """Kind of key -> key -> files."""
        if self._found is None:
            self._found = {kind: {} for kind in ("path", "stem path", "name", "stem")}
            seen: set[Path] = set()
            for folder in self.folders:
                for file in sorted(folder.rglob("*")):
                    if file.suffix.lower() not in IMAGE_SUFFIXES or not file.is_file():
                        continue
                    relative = file.relative_to(folder)
                    self._add("path", relative.as_posix(), file)
                    self._add("stem path", relative.with_suffix("").as_posix(), file)
                    if file not in seen:
                        self._add("name", file.name, file)
                        self._add("stem", file.stem, file)
                    seen.add(file)
        return self._found

    def _add(self, kind: str, key: str, file: Path) -> None:
        assert self._found is not None
        self._found[kind].setdefault(key, []).append(file)
