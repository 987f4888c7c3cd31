"""Model options as settings of a training run: an option that is not set keeps the variant's value."""

from __future__ import annotations

from dataclasses import fields, make_dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

import docstring_parser

from encnet.model.options import ModelOptions


def _changes_of(options: type) -> Any:
    """Makes a dataclass with the fields and the documentation of another one, in which every default is None."""
    types, documented = get_type_hints(options), docstring_parser.parse_from_object(options)
    lines = [f"    {field.arg_name}: {' '.join((field.description or '').split())}\n" for field in documented.params]
    changes = [(field.name, types[field.name] | None, None) for field in fields(options)]
    summary = "Changes to a variant: an option that is None keeps the variant's value.\n\nArgs:\n"
    return make_dataclass("ModelChanges", changes, namespace={"__doc__": summary + "".join(lines)})


if TYPE_CHECKING:

    class ModelChanges:
        """The fields of :class:`encnet.model.options.ModelOptions`, each None unless it is set."""

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...
else:
    ModelChanges = _changes_of(ModelOptions)
