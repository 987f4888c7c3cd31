"""Reads YAML files of strangers: no key may occur twice, and a small file does not become a huge document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from encnet.system.errors import InputError
from encnet.system.text import shown

LARGEST_FILE: int = 2**24
"""Bytes of a file."""
LARGEST_DOCUMENT: int = 10**6
"""Values in a file, where an alias counts as what it stands for."""
LARGEST_INTEGER: int = 2**63


def load_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        InputError: the file cannot be read, is not YAML, is too large, or has a key twice in one mapping.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path} has more than {LARGEST_FILE} bytes; give a file of settings")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; correct its path or rights") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    try:
        return yaml.load(text, Loader=_Loader)
    except Exception as error:  # beside its own errors, PyYAML raises those of int(), datetime(), deep recursion, ...
        reason = shown(" ".join(str(error).split()), 300)
        raise InputError(f"{path} is not valid YAML: {reason or type(error).__name__}; correct it") from error


class _Loader(yaml.SafeLoader):
    """Refuses what PyYAML would take silently."""

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None and _size(node, {}) > LARGEST_DOCUMENT:
            raise yaml.YAMLError(f"its aliases stand for more than {LARGEST_DOCUMENT} values")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuses a key that occurs twice in one mapping, of which PyYAML would keep the last."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        seen: set[str] = set()
        for key in keys:
            if key in seen:
                raise yaml.YAMLError(f"the key '{key}' occurs twice in one mapping")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Refuses an integer that is too large to be printed."""
        number = super().construct_yaml_int(node)
        if abs(number) > LARGEST_INTEGER:
            raise yaml.YAMLError(f"an integer has {len(str(node.value))} digits")
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """The number of values of a node, where an alias counts as what it stands for.

    Args:
        node: a node of the document.
        known: identity of each node that was counted -> its size; 0 while it is being counted.

    Raises:
        yaml.YAMLError: the node is a part of itself.
    """
    if id(node) in known:
        if known[id(node)] == 0:
            raise yaml.YAMLError("an alias stands for something that it is a part of")
        return known[id(node)]
    known[id(node)] = 0
    inner = [] if isinstance(node, yaml.ScalarNode) else node.value
    parts = [part for each in inner for part in (each if isinstance(each, tuple) else (each,))]
    known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]
