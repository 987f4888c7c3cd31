"""Extension of griffe: a comment ``#: ...`` behind a field is the field's docstring, as in Sphinx."""

from __future__ import annotations

import re
from typing import Any

from griffe import Attribute, Docstring, Extension

_COMMENT = re.compile(r"\s#: (.+)$")


class FieldComments(Extension):
    """Gives fields their docstrings."""

    def on_attribute_instance(self, *, attr: Attribute, **_: Any) -> None:
        """Reads the comment in the source line of an attribute that has no docstring."""
        if attr.docstring is None and isinstance(attr.lineno, int) and attr.lines:
            comment = _COMMENT.search(attr.lines[-1])
            if comment:
                attr.docstring = Docstring(comment[1], lineno=attr.lineno, parent=attr)
