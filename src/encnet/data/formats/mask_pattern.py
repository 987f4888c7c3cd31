"""The names of mask files: a pattern with placeholders for the class and for the name of the photograph."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from encnet.data.formats.names import composed, same_name
from encnet.system.errors import InputError
from encnet.system.folders import walk

CLASS, NAME = "{class}", "{name}"
EXAMPLE: str = f"masks/train/{CLASS}/{NAME}.png"
"""A pattern, for messages."""

_PLACEHOLDER = re.compile(r"(\{[^{}/]*\})")


@dataclass(frozen=True)
class MaskPattern:
    """Which files are masks.

    Attributes:
        folder: the innermost folder without a placeholder in its path.
        rest: the names below it, with the placeholders ``{class}`` and ``{name}``, separated by ``/``.
    """

    folder: Path
    rest: str

    @classmethod
    def of(cls, root: Path, text: str) -> MaskPattern:
        """The pattern of a text such as ``masks/{class}/{name}.png``, relative to a folder.

        Raises:
            ValueError: a placeholder is missing or unknown; the message goes on from "the pattern".
        """
        placeholders = _PLACEHOLDER.findall(text)
        for unknown in placeholders:
            if unknown not in (CLASS, NAME):
                raise ValueError(f"has the unknown placeholder {unknown}")
        for needed in (CLASS, NAME):
            if needed not in placeholders:
                raise ValueError(f"lacks the placeholder {needed}")
        parts = PurePosixPath(text).parts
        fixed = next(i for i, part in enumerate(parts) if _PLACEHOLDER.search(part))
        return cls(root.joinpath(*parts[:fixed]), "/".join(parts[fixed:]))

    @property
    def suffix(self) -> str:
        """The suffix of the files, in lower case; files may have it in any case."""
        return PurePosixPath(self.rest).suffix.lower()

    def names(self, class_text: str, name: str) -> str:
        """The file of a class and a photograph, relative to ``folder``, as :meth:`existing` names it."""
        return composed("".join({CLASS: class_text, NAME: name}.get(part, part) for part in self._parts))

    def file(self, class_text: str, name: str) -> Path:
        """The file of a class and a photograph."""
        return self.folder / self.names(class_text, name)

    def shown(self, name: str) -> str:
        """The files of the masks of a photograph, with ``{class}`` in place of the class."""
        return str(self.file(CLASS, name))

    def existing(self) -> dict[str, Path]:
        """Each file below ``folder``, also through links: name relative to it, separated by ``/`` -> path; sorted.

        Hidden files are left out. The names are those of :func:`encnet.data.formats.names.same_name`.

        Raises:
            InputError: two files are the same mask.
        """
        found: dict[str, Path] = {}
        for path in (folder / name for folder, names in walk(self.folder) for name in names):
            name = same_name(path.relative_to(self.folder).as_posix())
            other = found.setdefault(name, path)
            if other != path and self.regex().fullmatch(name):
                raise InputError(f"{other} and {path} can both be the mask of one photograph; remove one of them")
        return found

    def regex(self, class_texts: Iterable[str] | None = None) -> re.Pattern[str]:
        """What files of these classes, or of any class, and of any photograph match, relative to ``folder``.

        The groups ``c`` and ``n`` are the class and the name of the photograph.
        """
        texts = "[^/]+" if class_texts is None else "|".join(re.escape(composed(text)) for text in class_texts)
        groups = {CLASS: f"(?P<c>{texts})", NAME: "(?P<n>.+)"}
        again = {CLASS: "(?P=c)", NAME: "(?P=n)"}  # a placeholder that comes twice is one text
        seen: set[str] = set()
        expression = ""
        for part in self._parts:
            expression += (again if part in seen else groups).get(part, re.escape(part))
            seen |= {part} & groups.keys()
        return re.compile(expression)

    @cached_property
    def _parts(self) -> list[str]:
        return _PLACEHOLDER.split(same_name(self.rest))
