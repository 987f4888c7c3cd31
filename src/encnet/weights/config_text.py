"""Reads settings from the text of an MMSegmentation config, which is Python source that is never executed."""

from __future__ import annotations

import ast
from typing import Any

_LONGEST = 10**6
"""The most characters of a config; the syntax tree takes a hundred times the memory of the text."""


def read_config(text: object) -> dict[str, Any]:
    """The values of a config's top-level names: numbers, strings, lists and dicts; None for computed values.

    Returns an empty dict for anything that is not Python source.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        return {}
    try:
        statements = ast.parse(text).body
        settings: dict[str, Any] = {}
        for statement in statements:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                settings[statement.targets[0].id] = _value(statement.value, settings)
        return settings
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # what ast.parse raises for hostile text
        return {}


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    match node:
        case ast.Constant():
            return node.value
        case ast.List() | ast.Tuple():
            return [_value(item, names) for item in node.elts]
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return {key.value: _value(value, names) for key, value in pairs if isinstance(key, ast.Constant)}
        case ast.Call(func=ast.Name(id="dict"), args=[]):
            return {item.arg: _value(item.value, names) for item in node.keywords if item.arg is not None}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Name():
            return names.get(node.id)
    return None


def look_up(settings: Any, *keys: str) -> Any:
    """``settings[keys[0]][keys[1]]...``; None if a key is missing or a value on the way is not a dict."""
    for key in keys:
        settings = settings.get(key) if isinstance(settings, dict) else None
    return settings
