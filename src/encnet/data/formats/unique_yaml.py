"""Reads YAML files in which no key may occur twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from encnet.system.errors import InputError


def load_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        InputError: the file cannot be read, is not YAML, or has a key twice in one mapping.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_UniqueKeyLoader)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; correct its path or rights") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a date such as 2024-13-01
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that occurs twice in one mapping, of which PyYAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"the key '{key}' occurs twice in one mapping")
        return super().construct_mapping(node, deep)
